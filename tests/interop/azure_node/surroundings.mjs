// What every test needs: the hub's connection strings, and clients of the official SDKs that trust our CA and are
// otherwise used as a program of anybody's would use them.
import { after } from 'node:test';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

const require = createRequire(import.meta.url);
export const { Client: DeviceClient, ModuleClient, Message } = require('azure-iot-device');
export const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
export const { Amqp, AmqpWs } = require('azure-iot-device-amqp');
export const { Http } = require('azure-iot-device-http');
export const { EventHubConsumerClient, earliestEventPosition } = require('@azure/event-hubs');
export const { Connection } = require('rhea-promise');  // which @azure/event-hubs brings
export const { Registry, Client: ServiceClient, JobClient } = require('azure-iothub');
export const { AmqpWs: ServiceAmqpWs } = require('azure-iothub/dist/amqp_ws.js');
export const { SharedAccessSignature, AuthenticationType } = require('azure-iot-common');

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run this through azure_node_test.py`);
  return value;
}

export const everyTransport = [
  ['MQTT', Mqtt], ['MQTT in WebSockets', MqttWs], ['AMQP', Amqp], ['AMQP in WebSockets', AmqpWs], ['HTTPS', Http],
];

export const ownerString = required('PAVISE_OWNER_STRING');
export const host = required('PAVISE_HUB_HOST');
export const ca = readFileSync(required('NODE_EXTRA_CA_CERTS'), 'utf8');

// The Event Hubs-compatible endpoint: the hub's own host, its name as the entity.
export const eventsString = required('PAVISE_EVENTS_STRING');

// What an owner does beside the SDKs: the management API, below the hub's own path.
export async function manage(method, path, body) {
  const answer = await fetch(required('PAVISE_HUB_API') + path, {
    method,
    headers: { Authorization: `Bearer ${required('PAVISE_HUB_API_TOKEN')}`, 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? undefined : answer.json();
}

export const registry = Registry.fromConnectionString(ownerString);

export function newId(prefix) {
  return `${prefix}-${randomUUID()}`;
}

// A device of its own for each test; its connection string.
export async function newDevice(prefix, more = {}) {
  const deviceId = newId(prefix);
  const { responseBody } = await registry.create({ deviceId, ...more });
  const key = responseBody.authentication.symmetricKey.primaryKey;
  return { deviceId, key, connectionString: `HostName=${host};DeviceId=${deviceId};SharedAccessKey=${key}` };
}

// What a failed test leaves open would keep its file from ending.
const opened = [];
after(() => Promise.allSettled(opened.map((client) => client.close())));

export async function openDevice(device, transport = Mqtt, options = {}) {
  return openClient(DeviceClient.fromConnectionString(device.connectionString, transport), transport, options);
}

export async function openClient(client, transport, options = {}) {
  // The HTTP transport has no option `ca` (NODE_EXTRA_CA_CERTS does it), and never calls back without a `receivePolicy`.
  await client.setOptions(transport === Http ? { http: { receivePolicy: { interval: 1 } }, ...options } : { ca, ...options });
  await client.open();
  opened.push(client);
  return client;
}

// Waits until `look` returns something, however long the machine takes within reason.
export async function until(look, what, timeoutMs = 20_000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await pause(50);
  }
}

export function once(emitter, event, timeoutMs = 20_000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no '${event}' within ${timeoutMs} ms`)), timeoutMs);
    emitter.once(event, (...values) => {
      clearTimeout(timer);
      resolve(values);
    });
  });
}
