// Keeps the page for visits without a network. The build writes the list of files, so that a new version is a new service worker; it takes
// over when the last page of the old one is closed.

const { VERSION, CACHE, SHELL, MODEL } = /*FILES*/ null;
const SCOPE = self.registration.scope;
const [PAGE, FILES] = [`${CACHE}${SCOPE} ${VERSION}`, `${CACHE}${SCOPE}`];

const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function keep(cache, path, sha256) {
  const url = new URL(path, SCOPE).href;
  const answer = await fetch(url, { cache: "no-cache" });
  const bytes = await answer.arrayBuffer();
  if (!answer.ok || hex(await crypto.subtle.digest("SHA-256", bytes)) !== sha256) {
    throw new Error(`${path} is not the file that this page was built with`);
  }
  // A copy: a browser refuses to show a page whose answer came by a redirect, as some hosts send for index.html.
  await cache.put(url, new Response(bytes, { headers: { "Content-Type": answer.headers.get("Content-Type") } }));
}

async function install() {
  const cache = await caches.open(PAGE);
  await Promise.all(Object.entries(SHELL).map(([path, sha256]) => keep(cache, path, sha256)));
}

// Removes what only earlier versions used. Files of the model that have not changed stay.
async function activate() {
  for (const name of await caches.keys()) if (name.startsWith(`${FILES} `) && name !== PAGE) await caches.delete(name);
  const files = await caches.open(FILES);
  const used = new Set(MODEL.map((path) => new URL(path, SCOPE).href));
  for (const request of await files.keys()) if (!used.has(request.url)) await files.delete(request);
}

async function answer(request) {
  const url = new URL(request.url);
  url.hash = "";
  if (url.href.split("?")[0] === SCOPE) url.pathname += "index.html";
  if (request.mode === "navigate") url.search = "";
  const kept = await (await caches.open(PAGE)).match(url.href);
  return kept ?? fetch(request);
}

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && event.request.url.startsWith(SCOPE)) event.respondWith(answer(event.request));
});
