// WebKitGTK's MiniBrowser, by WebDriver.

import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const PORT = 4555;
const LIBRARIES = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];

function miniBrowser() {
  for (const folder of LIBRARIES.filter((folder) => existsSync(folder))) {
    const versions = readdirSync(folder).filter((name) => name.startsWith("webkit2gtk-4"));
    const found = versions.map((name) => `${folder}/${name}/MiniBrowser`).find((path) => existsSync(path));
    if (found) return found;
  }
  throw new Error("MiniBrowser is not installed (Debian: apt install webkit2gtk-driver xvfb xauth)");
}

async function call(method, path, body) {
  const answer = await fetch(`http://127.0.0.1:${PORT}${path}`, { method, body: body && JSON.stringify(body) });
  const { value } = await answer.json();
  if (value?.error) throw new Error(`${value.error}: ${value.message}`);
  return value;
}

/** Starts WebKit. It needs a screen, such as xvfb-run's. */
export async function webkit() {
  const binary = miniBrowser();
  // The web process's sandbox does not start for root or in a container.
  const env = { ...process.env, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1" };
  const driver = spawn("WebKitWebDriver", [`--port=${PORT}`], { env, stdio: "ignore" });
  try {
    let status;
    for (let tries = 0; !status?.ready; tries++) {
      if (tries === 100) throw new Error("WebKitWebDriver does not answer");
      await sleep(100);
      status = await call("GET", "/status").catch(() => null);
    }
    const wanted = { "webkitgtk:browserOptions": { binary, args: ["--automation"] } };
    const { sessionId, capabilities } = await call("POST", "/session", { capabilities: { alwaysMatch: wanted } });
    const session = `/session/${sessionId}`;
    await call("POST", `${session}/timeouts`, { script: 300_000 });
    return {
      name: `WebKitGTK ${capabilities.browserVersion}`,
      open: (url) => call("POST", `${session}/url`, { url }),
      async run(script, ...args) {
        const wrapped = `const done = arguments[arguments.length - 1];
          (${script})(...Array.from(arguments).slice(0, -1)).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
        const { value, error } = await call("POST", `${session}/execute/async`, { script: wrapped, args });
        if (error) throw new Error(error);
        return value;
      },
      async close() {
        await call("DELETE", session);
        driver.kill();
      },
    };
  } catch (error) {
    driver.kill();
    throw error;
  }
}
