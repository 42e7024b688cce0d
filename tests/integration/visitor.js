// A page and an echo over WebSocket at each port, by Node.js and ws, for support/visitors.py. The only argument is a task, as JSON;
// what came is told in JSON.
"use strict";

const fs = require("fs");
const https = require("https");
const path = require("path");
const WebSocket = require(path.join(__dirname, "../../build/npm/node_modules/ws"));

const task = JSON.parse(process.argv[2]);
const read = (name) => (name ? fs.readFileSync(name) : undefined);
const tls = { ca: read(task.ca), cert: read(task.cert), key: read(task.key), minVersion: task.version, maxVersion: task.version,
    agent: false };

function page(port) {
    return new Promise((resolve, reject) => {
        https.get(`https://localhost:${port}/`, tls, (answer) => {
            let text = "";
            answer.setEncoding("utf8");
            answer.on("data", (piece) => { text += piece; });
            answer.on("end", () => resolve(text));
        }).on("error", reject);
    });
}

function echo(port) {
    return new Promise((resolve, reject) => {
        const socket = new WebSocket(`wss://localhost:${port}/ws`, tls);
        socket.on("open", () => socket.send(task.say));
        socket.on("message", (data) => {
            socket.close();
            socket.on("close", () => resolve(data.toString()));
        });
        socket.on("error", reject);
    });
}

(async () => {
    const visits = [];
    for (const port of task.ports)
        visits.push({ page: await page(port), echo: await echo(port) });
    console.log(JSON.stringify(visits));
})();
