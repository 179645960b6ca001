// The walk of docs/ordering.md and docs/consuming.md, with the client that openapi-typescript and openapi-fetch make.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import createClient from "openapi-fetch";
import { Webhook } from "standardwebhooks";
import type { components, paths, webhooks } from "./schema.js";

type Event = components["schemas"]["Event"];
type Completed = webhooks["generation.completed"]["post"]["requestBody"]["content"]["application/json"];
type Order = components["schemas"]["OrderBody"];

const baseUrl = process.env["ARRIVALS_URL"] ?? "";
const arrivals = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${process.env["ARRIVALS_API_KEY"]}` } });
const fox: Order = { provider: "runblob", model: "kling/o3-photo", input: { prompt: "a red fox in the snow" } };

/** The data of an answer that is no error. */
function good<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  assert.ok(answer.data !== undefined, `${answer.response.status} ${JSON.stringify(answer.error)}`);
  return answer.data;
}

/** The generation that an event is about; a ping is about none. */
function subject(event: Event): string | null {
  return event.type === "ping" ? null : event.data.generation.id;
}

// --- docs/ordering.md

const ordered = await arrivals.POST("/v1/generations", {
  params: { header: { Prefer: "wait=20", "Idempotency-Key": "order-42" } },
  body: { ...fox, metadata: { order: "42" } },
});
const done = good(ordered);
assert.equal(ordered.response.status, 200);
assert.equal(done.status, "completed");
assert.equal(done.metadata["order"], "42");

const again = await arrivals.POST("/v1/generations", {
  params: { header: { "Idempotency-Key": "order-42" } },
  body: { ...fox, metadata: { order: "42" } },
});
assert.equal(good(again).id, done.id);
const reused = await arrivals.POST("/v1/generations", { params: { header: { "Idempotency-Key": "order-42" } }, body: fox });
assert.equal(reused.error?.code, "idempotency_key_reused");

const refused = await arrivals.POST("/v1/generations", { body: { ...fox, input: { prompt: "" } } });
assert.equal(refused.error?.code, "refused_by_preflight");
assert.equal(refused.error?.failure?.param, "prompt");
// @ts-expect-error an order names a model
const incomplete = await arrivals.POST("/v1/generations", { body: { provider: "runblob", input: {} } });
assert.equal(incomplete.error?.errors[0]?.field, "model");

const generation = { path: { id: done.id } };
const shown = good(await arrivals.GET("/v1/generations/{id}", { params: { ...generation, query: { wait: 5 } } }));
assert.equal(shown.input["prompt"], "a red fox in the snow");
assert.deepEqual(good(await arrivals.GET("/v1/generations/{id}/input", { params: generation })).input, fox.input);
const listed = good(
  await arrivals.GET("/v1/generations", {
    params: { query: { status: ["completed", "failed"], metadata: { order: "42" }, limit: 10 } },
  }),
);
assert.deepEqual(listed.data.map((each) => each.id), [done.id]);
const timeline = good(await arrivals.GET("/v1/generations/{id}/timeline", { params: generation }));
assert.ok(timeline.data.some((entry) => entry.type === "observation"));
assert.equal(good(await arrivals.POST("/v1/generations/{id}/poll", { params: generation })).status, "completed");
const canceled = await arrivals.POST("/v1/generations/{id}/cancel", { params: generation });
assert.equal(canceled.error?.code ?? canceled.data?.status, "not_cancelable");

const output = done.outputs[0];
assert.ok(output);
assert.equal(output.kind, "image");
const part = await arrivals.GET("/v1/generations/{id}/outputs/{index}", {
  params: { path: { id: done.id, index: output.index }, header: { Range: "bytes=0-3" } },
  parseAs: "arrayBuffer",
});
assert.ok([200, 206].includes(part.response.status));
assert.ok(good<ArrayBuffer>(part).byteLength >= 4);

const text = { input: { messages: [{ role: "user", content: [{ text: "a red fox" }] }] }, parameters: { n: 1 } };
assert.equal(good(await arrivals.POST("/v1/generations", { body: { provider: "vtrix", model: "wan26_t2i", input: text } })).provider, "vtrix");
const bulk = good(
  await arrivals.POST("/v1/generations/bulk", {
    body: { provider: "eachlabs", model: "workflows/foxes/v1", inputs: [{ prompt: "a fox" }, { prompt: "a crow" }] },
  }),
);
assert.equal(new Set(bulk.data.map((each) => each.bulk_id)).size, 1);

const providers = good(await arrivals.GET("/v1/providers"));
assert.ok(providers.data.some((each) => each.name === "runblob" && each.accounts.includes("default")));

// --- docs/consuming.md

const page = good(await arrivals.GET("/v1/events", { params: { query: { after: "0", generation: done.id, wait: 20 } } }));
assert.ok(page.data.some((event) => event.type === "generation.completed" && event.data.generation.outputs.length === 1));
assert.deepEqual(new Set(page.data.map(subject)), new Set([done.id]));
const first = page.data[0];
assert.ok(first);
assert.deepEqual(good(await arrivals.GET("/v1/events/{id}", { params: { path: { id: first.id } } })), first);

const stream = await arrivals.GET("/v1/events/stream", {
  params: { query: { after: "0", generation: done.id } },
  parseAs: "stream",
});
const reader = good(stream)!.pipeThrough(new TextDecoderStream()).getReader();
let received = "";
while (!received.includes("event: generation.completed")) received += (await reader.read()).value ?? "";
await reader.cancel();

const deliveries: { headers: Record<string, string>; body: string }[] = [];
let arrived = () => {};
const hook = createServer((request, response) => {
  let body = "";
  request.on("data", (piece) => (body += piece));
  request.on("end", () => {
    deliveries.push({ headers: request.headers as Record<string, string>, body });
    response.writeHead(204).end();
    arrived();
  });
});
await new Promise<void>((listening) => hook.listen(0, "127.0.0.1", listening));
const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`;

/** The first delivery that satisfies this, as soon as it is there. */
async function delivered(wanted: (event: Event) => boolean): Promise<(typeof deliveries)[number]> {
  for (;;) {
    const match = deliveries.find(({ body }) => wanted(JSON.parse(body) as Event));
    if (match) return match;
    await new Promise<void>((resolve) => (arrived = resolve));
  }
}

const made = good(
  await arrivals.POST("/v1/subscribers", {
    body: { url, event_types: ["generation.*"], filter: { provider: "runblob" }, signatures: ["v1", "v1a"] },
  }),
);
assert.equal(made.health.state, "untried");
const subscriber = { path: { id: made.id } };
const second = good(await arrivals.POST("/v1/generations", { params: { header: { Prefer: "wait=20" } }, body: fox }));
const took = await delivered((event) => event.type === "generation.completed" && event.data.generation.id === second.id);
const verified = new Webhook(made.secret).verify(took.body, took.headers) as Completed;
assert.equal(verified.data.generation.id, second.id);


/** The delivery of this event, as soon as the service has written down that it arrived. */
async function recorded(event_id: string): Promise<{ id: string }> {
  const query = { status: "delivered" } as const;
  for (;;) {
    const sent = good(await arrivals.GET("/v1/subscribers/{id}/deliveries", { params: { ...subscriber, query } }));
    const match = sent.data.find((each) => each.event_id === event_id);
    if (match) return match;
  }
}

const delivery = await recorded(verified.id);
const attempts = good(await arrivals.GET("/v1/deliveries/{id}", { params: { path: { id: delivery.id } } })).attempts;
assert.equal(attempts[0]?.http_status, 204);
const retried = await arrivals.POST("/v1/deliveries/{id}/retry", { params: { path: { id: delivery.id } } });
assert.equal(retried.error?.code, "delivered");
const redelivered = good(
  await arrivals.POST("/v1/events/{id}/redeliver", { params: { path: { id: verified.id } }, body: { subscriber: made.id } }),
);
assert.deepEqual(redelivered.data.map((each) => each.redelivered), [true]);

const ping = good(await arrivals.POST("/v1/subscribers/{id}/ping", { params: subscriber }));
assert.deepEqual([ping.event.type, ping.delivery.status], ["ping", "delivered"]);
const paused = good(await arrivals.PATCH("/v1/subscribers/{id}", { params: subscriber, body: { paused: true } }));
assert.equal(paused.health.state, "paused");
const resumed = good(
  await arrivals.PATCH("/v1/subscribers/{id}", { params: subscriber, body: { paused: false, disabled: false, rate_per_s: null } }),
);
assert.equal(resumed.paused_at, null);
const rotated = good(await arrivals.POST("/v1/subscribers/{id}/rotate-secret", { params: subscriber }));
assert.notEqual(rotated.secret, made.secret);
assert.ok(good(await arrivals.POST("/v1/subscribers/{id}/resend-waiting", { params: subscriber })).deliveries >= 0);
const recovery = good(
  await arrivals.POST("/v1/subscribers/{id}/recover", { params: subscriber, body: { since: done.created_at, dry_run: true } }),
);
assert.equal(good(await arrivals.GET("/v1/replays/{id}", { params: { path: { id: recovery.id } } })).kind, "events");
assert.ok(good(await arrivals.GET("/v1/subscribers")).data.some((each) => each.id === made.id && each.filter?.provider === "runblob"));

const stored = good(await arrivals.GET("/v1/webhooks", { params: { query: { generation: done.id } } })).data[0];
assert.ok(stored);
assert.equal(good(await arrivals.GET("/v1/webhooks/{id}", { params: { path: { id: stored.id } } })).body_base64, false);
const replayed = good(
  await arrivals.POST("/v1/webhooks/{id}/replay", { params: { path: { id: stored.id } }, body: { dry_run: true } }),
);
assert.equal(replayed.status, "completed");

const own = good(await arrivals.POST("/v1/generations", { params: { header: { Prefer: "wait=20" } }, body: { ...fox, callback_url: `${url}/own` } }));
await delivered((event) => event.type === "generation.completed" && event.data.generation.id === own.id);
const deleted = await arrivals.DELETE("/v1/subscribers/{id}", { params: subscriber });
assert.equal(deleted.response.status, 204);
hook.close();
hook.closeAllConnections();

console.log("walked");
