// Python's plain server, as a person would use it for a folder of static files.

import { spawn } from "node:child_process";

/** Serves `folder` on this machine, on a port that is free or the one that is named. */
export async function serve(folder, port = 0) {
  const server = spawn("python3", ["-u", "-m", "http.server", String(port), "--bind", "127.0.0.1", "--directory", folder]);
  const said = await new Promise((done) => server.stdout.once("data", (data) => done(String(data))));
  server.stderr.resume();
  return { port: Number(/port (\d+)/.exec(said)[1]), stop: () => new Promise((done) => { server.once("exit", done); server.kill(); }) };
}
