// The page's engine behind HTTP: this server.

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

async function fetchWithToken(path, options = {}) {
  const headers = { ...options.headers };
  const token = sessionStorage.getItem("token");
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(path, { ...options, headers });
  $("token-form").hidden = answer.status !== 401;
  return answer;
}

const engine = {
  async open() {
    const answer = await fetchWithToken("info");
    if (!answer.ok) throw new Error("This server wants a token.");
    return answer.json();
  },

  // A full queue is waited for.
  async caption(photo, options, isStopped = () => false) {
    const query = new URLSearchParams(options);
    for (;;) {
      const headers = { "Content-Type": photo.type.startsWith("image/") ? photo.type : "application/octet-stream" };
      const answer = await fetchWithToken(`v1/captions?${query}`, { method: "POST", body: photo, headers });
      if (answer.status === 503 && !isStopped()) {
        await pause(Number(answer.headers.get("Retry-After")) || 1);
        continue;
      }
      const json = await answer.json();
      if (!answer.ok) throw new Error(json.error);
      return json;
    }
  },

  base: location.href.split("#")[0],
};

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", $("token").value);
  begin();
});
