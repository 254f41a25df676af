// Firefox, by WebDriver BiDi.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const PATHS = ["/usr/bin/firefox-esr", "/usr/bin/firefox"];

/** Starts Firefox with puppeteer-core from the folder `modules`. */
export async function firefox({ modules }) {
  const executablePath = PATHS.find((path) => existsSync(path));
  if (!executablePath) throw new Error("it is not installed (Debian: apt install firefox-esr)");
  const puppeteer = createRequire(resolve(modules, "x.js"))("puppeteer-core");
  const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true, protocolTimeout: 300_000 });
  const page = await browser.newPage();
  return {
    name: await browser.version(),
    open: (url) => page.goto(url),
    run: (script, ...args) => page.evaluate(`(${script})(...${JSON.stringify(args)})`),
    close: () => browser.close(),
  };
}
