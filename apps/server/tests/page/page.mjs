// Uses the page of a running server.
// node page.mjs CHROMIUM MODULES SCREENSHOTS URL PHOTOS

import { launch, steps, take, watchedPage } from "../../../page/tests/steps.mjs";

const [executablePath, modules, screenshots, url, photos] = process.argv.slice(2);
const browser = await launch({ executablePath, modules });
const watched = await watchedPage(browser, url);
await take(steps({ ...watched, url, photos, screenshots }), { browser, ...watched, screenshots });
