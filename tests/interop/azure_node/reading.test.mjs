// The ways to the events of a hub: consumer groups, epochs, and the redirect that older programs follow.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import {
  newDevice, openDevice, once, until, host, ca, ownerString, eventsString, Message, Mqtt, ServiceAmqpWs, ServiceClient,
  SharedAccessSignature, EventHubConsumerClient, earliestEventPosition, Connection,
} from './surroundings.mjs';

async function telemetryOf(device, text) {
  const client = await openDevice(device, Mqtt);
  await client.sendEvent(new Message(text));
  await client.close();
}

// What `consumer` reads from now on, and the errors that it hears of.
function read(consumer, options, ...partition) {
  const reader = { seen: [], errors: [] };
  reader.subscription = consumer.subscribe(...partition, {
    processEvents: async (events) => { reader.seen.push(...events); },
    processError: async (error) => { reader.errors.push(error); },
  }, options);
  // Beside what the hub itself tells of the device.
  reader.hears = (deviceId) => until(() => reader.seen.find(({ systemProperties }) =>
    systemProperties?.['iothub-message-source'] === 'Telemetry' && systemProperties['iothub-connection-device-id'] === deviceId),
  `telemetry of ${deviceId}`);
  return reader;
}

test('consumer groups read the same events, each for itself', async () => {
  const device = await newDevice('groups');
  await telemetryOf(device, 'for all');
  for (const group of ['$Default', 'dashboards']) {
    const consumer = new EventHubConsumerClient(group, eventsString);
    try {
      const reader = read(consumer, { startPosition: earliestEventPosition });
      const event = await reader.hears(device.deviceId);
      assert.equal(event.body.toString(), 'for all');
      assert.deepEqual(reader.errors, []);
      await reader.subscription.close();
    } finally {
      await consumer.close();
    }
  }
});

test('a reader of a higher epoch displaces the one that reads, one of a lower is refused', async () => {
  const [first, second, third] = [1, 2, 3].map(() => new EventHubConsumerClient('epochs', eventsString));
  try {
    const { partitionIds: [partition] } = await first.getEventHubProperties();
    const from = { startPosition: earliestEventPosition };
    const lower = read(first, { ...from, ownerLevel: 1 }, partition);
    // Every test adds to the log; one of this file's own lands in this partition before long.
    await until(async () => {
      await telemetryOf(await newDevice('epochs'), 'x');
      return lower.seen.length > 0;
    }, 'the first reads');
    const higher = read(second, { ...from, ownerLevel: 7 }, partition);
    await until(() => higher.seen.length > 0, 'the second reads');
    await until(() => lower.errors.length > 0, 'the first hears that it was displaced');
    assert.equal(lower.errors[0].code, 'ReceiverDisconnectedError');
    const refused = read(third, { ...from, ownerLevel: 2 }, partition);
    await until(() => refused.errors.length > 0, 'the third is refused');
    assert.equal(refused.errors[0].code, 'ReceiverDisconnectedError');
    assert.deepEqual(refused.seen, []);
    assert.deepEqual(higher.errors, []);
    await Promise.all([lower, higher, refused].map((reader) => reader.subscription.close()));
  } finally {
    await Promise.all([first, second, third].map((consumer) => consumer.close()));
  }
});

// As the sample of @azure/event-hubs turns the connection string of a hub into that of its events.
async function redirected() {
  const policy = Object.fromEntries(ownerString.split(';').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]));
  const expiry = Math.floor(Date.now() / 1000) + 600;
  const token = SharedAccessSignature.create(encodeURIComponent(host), policy.SharedAccessKeyName, policy.SharedAccessKey, expiry);
  const connection = new Connection({
    transport: 'tls', host, hostname: host, port: 5671, reconnect: false, ca, username: `${policy.SharedAccessKeyName}@sas.root.plant-1`,
    password: token.toString(),
  });
  await connection.open();
  try {
    const error = await new Promise((resolve, reject) => {
      const onError = (context) => resolve(context.receiver?.error);
      connection.createReceiver({ source: { address: 'messages/events/$management' }, credit_window: 0, onError }).catch(reject);
    });
    assert.equal(error.condition, 'amqp:link:redirect');
    const [, entity] = error.info.address.match(/5671\/(.*)\/\$management/i);
    return `Endpoint=sb://${error.info.hostname}/;EntityPath=${entity};SharedAccessKeyName=${policy.SharedAccessKeyName};` +
      `SharedAccessKey=${policy.SharedAccessKey}`;
  } finally {
    await connection.close();
  }
}

test('the redirect of a hub leads to its events', async () => {
  const device = await newDevice('redirect');
  await telemetryOf(device, 'found');
  const consumer = new EventHubConsumerClient('$Default', await redirected());
  try {
    const reader = read(consumer, { startPosition: earliestEventPosition });
    assert.equal((await reader.hears(device.deviceId)).body.toString(), 'found');
    await reader.subscription.close();
  } finally {
    await consumer.close();
  }
});

test('a service sends over AMQP in WebSockets', async () => {
  const device = await newDevice('by-ws');
  const client = await openDevice(device, Mqtt);
  const arrived = once(client, 'message');
  const service = ServiceClient.fromConnectionString(ownerString, ServiceAmqpWs);
  await service.open();
  await service.send(device.deviceId, new Message('through the web'));
  const [message] = await arrived;
  assert.equal(message.getData().toString(), 'through the web');
  await client.complete(message);
  await service.close();
  await client.close();
});
