// What happens when something is clicked, dropped, pasted or changed.

function showAll() {
  // For those who hear the page.
  $("said").textContent = state.answer.results.map((result) => `${nameOf(result)}: ${result.captions[0].generated_text}`).join(" ");
  showCaptions();
  showParting();
  showTree();
  showLines();
}

// Files of a folder that was dropped, with those of the folders in it.
async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    const entries = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (entries.length === 0) return files;
    for (const one of entries) files.push(...(await filesOf(one)));
  }
}

function listen() {
  for (const [button, input] of [["pick", "file-input"], ["folder", "folder-input"]]) {
    $(button).addEventListener("click", () => $(input).click());
  }
  listenToCamera();
  for (const input of ["file-input", "camera-input"]) {
    $(input).addEventListener("change", (event) => {
      takeFiles([...event.target.files]);
      // The same file may be picked again.
      event.target.value = "";
    });
  }
  $("folder-input").addEventListener("change", (event) => {
    const photos = [...event.target.files].filter(isPhoto);
    event.target.value = "";
    if (photos.length > 0) compareFolder(photos);
    else say("There is no photo in this folder.", true);
  });
  const drop = $("drop");
  document.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const lists = entries.length > 0 ? await Promise.all(entries.map(filesOf)) : [[...event.dataTransfer.files]];
    takeFiles(lists.flat());
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length > 0) takeFiles(event.clipboardData.files);
  });
  let waiting = 0;
  for (const key of KEYS) {
    $(key).addEventListener("input", () => {
      showSettings();
      clearTimeout(waiting);
      waiting = setTimeout(run, 150);
    });
  }
  addEventListener("hashchange", async () => {
    const example = readPermalink();
    if (example && example !== state.example) await takeExample(example);
    else await run();
  });
  $("save-json").addEventListener("click", () => {
    save("glimpse.json", new Blob([JSON.stringify(state.answer, null, 1)], { type: "application/json" }));
  });
  $("save-png").addEventListener("click", savePng);
  $("copy-link").addEventListener("click", () => copy(location.href.split("#")[0] + permalink()));
  $("save-csv").addEventListener("click", () => save("glimpse.csv", new Blob([csv()], { type: "text/csv" })));
  $("stop").addEventListener("click", () => { folder.run++; $("stop").disabled = true; });
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* it lasts for this visit */ }
  });
}

async function start() {
  state.info = await engine.open();
  const { model, onnxruntime, generation_config, limits } = state.info;
  $("model").textContent = `${model.name} · ONNX Runtime ${onnxruntime.version} on ${state.info.device}`;
  $("num_beams").max = Math.min(10, limits.max_beams - 1);
  for (const key of KEYS) $(key).value = generation_config[key];
  if (Number(generation_config.num_beams) < 2) $("num_beams").value = 5;
  const example = readPermalink();
  const names = state.info.examples;
  $("examples").replaceChildren();
  for (const name of names) {
    const button = add($("examples"), "button", null, { type: "button", "aria-pressed": "false", "aria-label": `Example ${name}` });
    button.dataset.name = name;
    add(button, "img", null, { src: `examples/${name}`, alt: "" });
    button.addEventListener("click", () => takeExample(name));
  }
  // Whoever took a photo already waits for that one.
  if (state.file) await run();
  else await takeExample(names.includes(example) ? example : names[0]);
}

function begin() {
  start().catch((error) => say(error.message, true));
}

try { document.documentElement.dataset.theme = localStorage.getItem("theme") ?? ""; } catch { /* no storage: as the system says */ }
showColumns();
listen();
begin();
