// The page's engine in this browser: a worker runs the network, and a service worker keeps the page for visits without a network.

const BASE = new URL("./", location.href).href;
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

function showProgress({ loaded, total }) {
  $("download").hidden = loaded >= total;
  $("download-progress").max = total;
  $("download-progress").value = loaded;
  $("download-text").textContent = `${megabytes(loaded)} of ${megabytes(total)} MB`;
}

// The worker begins as a blob: so it has this page's policy, and can reach no other host.
function startWorker() {
  const begin = new Blob([`import ${JSON.stringify(new URL(WORKER, BASE).href)};`], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(begin), { type: "module" });
}

// Everything is kept once the worker has its files and the service worker the page.
async function keepForOffline() {
  try {
    await navigator.serviceWorker.register("service-worker.js");
    await navigator.serviceWorker.ready;
    $("offline").textContent = "This page works without a network now.";
  } catch {
    $("offline").textContent = "This browser does not keep the page for visits without a network.";
  }
}

const engine = {
  waiting: new Map(),
  last: Promise.resolve(),

  open() {
    if (location.protocol === "file:") throw new Error("Browsers run this page only from a web server: python3 -m http.server");
    say("Loading the model …");
    this.worker = startWorker();
    return new Promise((done, failed) => {
      this.worker.onerror = () => {
        const error = new Error("A file of this page could not be loaded, or the browser ended it: reload the page, or build the folder anew.");
        for (const one of [{ failed }, ...this.waiting.values()]) one.failed(error);
        this.waiting.clear();
      };
      this.worker.onmessage = ({ data }) => {
        if (data.total) showProgress(data);
        else if (data.failed) failed(new Error(data.failed));
        else if (data.info) done(data.info);
        else this.answer(data);
        if (data.failed || data.info) $("download").hidden = true;
        if (data.info && "serviceWorker" in navigator) keepForOffline();
      };
    });
  },

  answer({ id, results, error }) {
    const { done, failed } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) failed(new Error(error));
    else done({ results });
  },

  // Photos take turns; one that nobody waits for any more is not captioned.
  caption(photo, { num_beams, length_penalty, no_repeat_ngram_size }, isStopped) {
    const options = { num_beams: String(num_beams).split(",").map(Number), length_penalty, no_repeat_ngram_size };
    const answer = this.last.then(() => {
      if (isStopped()) throw new Error("stopped");
      const id = Math.random();
      return new Promise((done, failed) => {
        this.waiting.set(id, { done, failed });
        this.worker.postMessage({ id, photo, options });
      });
    });
    this.last = answer.catch(() => {});
    return answer;
  },

  // For the line of curl: where `make serve` listens.
  base: "http://127.0.0.1:8080/",
};
