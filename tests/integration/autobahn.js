// WAMP sessions of AutobahnJS, for test_autobahn.py. The only argument is a task, as JSON; what happens is told in JSON, a line
// each. What takes as long as the tests want it to, ends when stdin does.
"use strict";

const assert = require("assert");
const path = require("path");
const readline = require("readline");

delete globalThis.WebSocket; // which newer versions of Node.js have: ws is used with all of them
const autobahn = require(path.join(__dirname, "../../build/npm/node_modules/autobahn"));

const SERIALIZERS = {
    json: autobahn.serializer.JSONSerializer,
    msgpack: autobahn.serializer.MsgpackSerializer,
    cbor: autobahn.serializer.CBORSerializer,
};
const VALUES = [null, true, 0, -1, 2 ** 40, 1.5, "", "grüße 😀", [], {}, [1, [2, { a: null }]], { a: { b: [1, 2] } },
    "y".repeat(70000), "x".repeat(1 << 20)];
const STEPS = 50;

const tell = (what) => console.log(JSON.stringify(what));

// `to`: {url, serializer} for WebSocket, {host, port} or {path} for RawSocket, which AutobahnJS has with JSON only.
function transport(to) {
    return to.url ? { type: "websocket", url: to.url, serializers: [new SERIALIZERS[to.serializer]()] }
        : { type: "rawsocket", ...to };
}

// A session that does not come back: {connection, session, closed}, or an error that says why not.
function join(to, realm) {
    const connection = new autobahn.Connection({ realm, transports: [transport(to)], max_retries: 0 });
    return new Promise((resolve, reject) => {
        const closed = new Promise((end) => {
            connection.onclose = (reason, details) => {
                end(reason);
                reject(new Error(`${reason} ${details.reason}`));
                return true;
            };
        });
        connection.onopen = (session) => resolve({ connection, session, closed });
        connection.open();
    });
}

async function leave(joined) {
    joined.connection.close();
    const reason = await joined.closed;
    if (reason !== "closed") {
        throw new Error(reason);
    }
}

// Progressive results come by the third function.
function callInSteps(session, procedure, args) {
    const steps = [];
    return new Promise((resolve, reject) => {
        session.call(procedure, args, {}, { receive_progress: true })
            .then((result) => resolve([steps, result]), reject, (step) => steps.push(step));
    });
}

async function callEverything(callee, caller) {
    await callee.register("com.example.echo", ([value]) => value);
    await callee.register("com.example.all", (args, kwargs) => new autobahn.Result(args, kwargs));
    await callee.register("com.example.fail", () => {
        throw new autobahn.Error("com.example.error.broken", ["why", 42], { detail: { x: 1 } });
    });
    for (const value of VALUES) {
        assert.deepStrictEqual(await caller.call("com.example.echo", [value]), value);
    }
    const result = await caller.call("com.example.all", [1, "two", [3]], { name: "four" });
    assert.deepStrictEqual([result.args, result.kwargs], [[1, "two", [3]], { name: "four" }]);
    await assert.rejects(async () => caller.call("com.example.fail"),
        { error: "com.example.error.broken", args: ["why", 42], kwargs: { detail: { x: 1 } } });
    await assert.rejects(async () => caller.call("com.example.nobody"), { error: "wamp.error.no_such_procedure" });
}

async function publishEverything(subscriber, publisher) {
    const heard = [];
    const all = new Promise((resolve) => {
        subscriber.subscribe("com.example.topic", ([value], { n }) => {
            heard[n] = value;
            if (Object.keys(heard).length === VALUES.length) {
                resolve();
            }
        }).then(async () => {
            for (const [n, value] of VALUES.entries()) {
                await publisher.publish("com.example.topic", [value], { n }, { acknowledge: true });
            }
        });
    });
    await all;
    assert.deepStrictEqual(heard, VALUES);
}

async function callProgressively(callee, caller) {
    await callee.register("com.example.count", ([end], kwargs, details) => {
        for (let i = 0; i < end; i++) {
            details.progress([i]);
        }
        return end;
    });
    const [steps, result] = await callInSteps(caller, "com.example.count", [STEPS]);
    assert.deepStrictEqual(steps, [...Array(STEPS).keys()]);
    assert.strictEqual(result, STEPS);
}

// Two sessions with each other.
async function exchange({ to }) {
    const first = await join(to, "realm1"), second = await join(to, "realm1");
    for (const part of [callEverything, publishEverything, callProgressively]) {
        await part(first.session, second.session);
        tell({ did: part.name });
    }
    await leave(first);
    await leave(second);
    tell({ did: "leave" });
}

// One session, for as long as stdin; with the retry of AutobahnJS, only faster.
async function stay({ to, realm, retry }, lines) {
    const connection = new autobahn.Connection({ realm, transports: [transport(to)], max_retries: retry ? -1 : 0,
        initial_retry_delay: 0.1, max_retry_delay: 0.2 });
    connection.onopen = async (session, details) => {
        const told = session._socket.onclose;
        session._socket.onclose = (event) => {
            tell({ closed: event.code });
            told(event);
        };
        tell({ opened: details.transport.protocol });
    };
    connection.onclose = (reason, details) => tell({ left: reason, because: details.reason });
    connection.open();
    for await (const _ of lines);
    connection.close();
}

// As many sessions at once as told: each calls the tests, and waits for their event.
async function crowd({ to, count }, lines) {
    const joined = await Promise.all(Array.from({ length: count }, () => join(to, "realm1")));
    let heard = 0;
    const hear = () => ++heard === count && tell({ heard });
    await Promise.all(joined.map(({ session }) => session.subscribe("com.example.all", hear)));
    const answers = await Promise.all(joined.map(({ session }, n) => session.call("com.example.echo", [n])));
    assert.deepStrictEqual(answers, [...Array(count).keys()]);
    tell({ answered: count });
    for await (const _ of lines);
    await Promise.all(joined.map(leave));
    tell({ left: count });
}

// Whoever loses his connection hears nothing of what he has asked for.
async function visit(to, realm, name) {
    const joined = await join(to, realm);
    const lost = joined.closed.then((reason) => {
        throw new Error(reason);
    });
    const talk = async () => {
        await joined.session.register(name, ([value]) => value);
        assert.strictEqual(await joined.session.call(name, [name]), name);
    };
    await Promise.race([talk(), lost]);
    await leave(joined);
}

// Sessions one after the other, some at a time, until stdin ends; each line on stdin begins a new chapter.
async function load({ to, realm, at_once }, lines) {
    let chapter = 0, is_over = false, count = 0;
    const visitor = async () => {
        while (!is_over) {
            const begun = chapter, name = `com.example.visit.${count++}`;
            const trouble = await visit(to, realm, name).then(() => null, (error) => String(error.message || error));
            tell({ chapter: begun, trouble });
        }
    };
    const visitors = Array.from({ length: at_once }, visitor);
    for await (const _ of lines) {
        tell({ begun: ++chapter });
    }
    is_over = true;
    await Promise.all(visitors);
}

const TASKS = { exchange, stay, crowd, load };
const task = JSON.parse(process.argv[2]);
const lines = readline.createInterface({ input: process.stdin });

TASKS[task.do](task, lines).then(() => lines.close(), (error) => {
    tell({ error: error.stack || String(error) });
    process.exit(1);
});
