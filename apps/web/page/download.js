// The model's files: from this browser's storage, else from the page's own host. What is used has the checksum that the build wrote.

const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

// Browsers compute checksums, and keep files, only for pages from https:// and from this machine.
const isSecure = () => globalThis.isSecureContext;

async function isWhole(bytes, sha256) {
  return !isSecure() || hex(await crypto.subtle.digest("SHA-256", bytes)) === sha256;
}

const isGzip = (bytes) => bytes[0] === 0x1f && bytes[1] === 0x8b;

async function unpack(bytes) {
  // A host that declares the compression has had the browser undo it.
  if (!isGzip(bytes)) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function read(answer, arrived) {
  const parts = [];
  let length = 0;
  for (const reader = answer.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    arrived((length += value.length));
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function fetchOne(url, { path, sha256 }, arrived) {
  let answer;
  try {
    answer = await fetch(url);
  } catch {
    throw new Error(`${path} could not be fetched: is this machine online?`);
  }
  if (!answer.ok) throw new Error(`${path} could not be fetched: the host answers ${answer.status}`);
  let bytes;
  try {
    bytes = await unpack(await read(answer, arrived));
  } catch {
    throw new Error(`${path} arrived damaged: reload the page`);
  }
  if (!(await isWhole(bytes, sha256))) throw new Error(`${path} is not the file that this page was built with: its checksum differs; build the folder anew`);
  return bytes;
}

async function load(base, file, kept, arrived) {
  const url = new URL(`${file.path}?${file.sha256}`, base).href;
  const before = await kept?.match(url);
  if (before) {
    const bytes = new Uint8Array(await before.arrayBuffer());
    if (await isWhole(bytes, file.sha256)) return bytes;
    await kept.delete(url);
  }
  const bytes = await fetchOne(url, file, arrived);
  // A full disk, or a private window: the next visit fetches it again.
  await kept?.put(url, new Response(bytes)).catch(() => {});
  return bytes;
}

/**
 * The bytes of each of `files`, by name. `report` hears of each part that arrives: bytes so far, and of all files together. `cacheName` is where
 * they are kept; entries of other files are the service worker's to remove.
 */
export async function download(base, files, cacheName, report) {
  const kept = isSecure() ? await caches.open(cacheName).catch(() => undefined) : undefined;
  const soFar = {};
  const total = Object.values(files).reduce((sum, file) => sum + file.bytes, 0);
  const loaded = await Promise.all(Object.entries(files).map(async ([name, file]) => {
    const bytes = await load(base, file, kept, (length) => {
      soFar[name] = Math.min(length, file.bytes);
      report(Object.values(soFar).reduce((sum, one) => sum + one, 0), total);
    });
    return [name, bytes];
  }));
  return Object.fromEntries(loaded);
}
