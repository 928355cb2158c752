// Messages to devices through azure-iothub over AMQP, feedback, and telemetry through @azure/event-hubs.
import { test, describe, before, after } from 'node:test';
import assert from 'node:assert/strict';
import {
  newDevice, openDevice, until, everyTransport, ownerString, eventsString, Message, Mqtt, Amqp, AmqpWs, Http, ServiceClient,
  EventHubConsumerClient, earliestEventPosition, newId,
} from './surroundings.mjs';

const service = ServiceClient.fromConnectionString(ownerString);

before(() => service.open());
after(() => service.close());

for (const [name, transport] of everyTransport) {
  test(`a message reaches a device over ${name} and is completed`, async () => {
    const device = await newDevice('c2d');
    const client = await openDevice(device, transport);
    // Not once(): without a listener the client gives up its link, and cannot complete what it got.
    const arrived = new Promise((resolve) => { client.on('message', (...values) => resolve(values)); });
    const message = new Message('open the valve');
    message.messageId = newId('m');
    message.properties.add('urgency', 'high');
    await service.send(device.deviceId, message);
    const [received] = await arrived;
    assert.equal(received.getData().toString(), 'open the valve');
    assert.equal(received.messageId, message.messageId);
    // Over HTTPS the client leaves the prefix of the header in the name.
    assert.equal(received.properties.getValue(transport === Http ? 'iothub-app-urgency' : 'urgency'), 'high');
    await client.complete(received);
    await client.close();
  });
}

async function settles(transport) {
  const device = await newDevice('settle');
  const client = await openDevice(device, transport);
  const seen = [];
  let settled;
  client.on('message', (message) => {
    seen.push(message.getData().toString());
    if (seen.length === 1) client.abandon(message, () => {});
    else if (seen.length === 2) client.reject(message, (error) => settled(error));
    else client.complete(message, (error) => settled(error));
  });
  const sent = async (text) => {
    const done = new Promise((resolve) => { settled = resolve; });
    await service.send(device.deviceId, new Message(text));
    return done;
  };
  assert.ok(!await sent('twice'));
  // One that came again would come before it.
  assert.ok(!await sent('after it'));
  assert.deepEqual(seen, ['twice', 'twice', 'after it']);
  await client.close();
}

test('a message over AMQP that is abandoned comes again, one that is rejected does not', () => settles(Amqp));
for (const [name, transport] of [['AMQP in WebSockets', AmqpWs], ['HTTPS', Http]])
  test(`a message over ${name} that is abandoned comes again, one that is rejected does not`, () => settles(transport));

test('full feedback tells what became of a message', async () => {
  const device = await newDevice('feedback');
  const receiver = await new Promise((resolve, reject) =>
    service.getFeedbackReceiver((error, value) => (error ? reject(error) : resolve(value))));
  const message = new Message('tell me');
  message.messageId = newId('m');
  message.ack = 'full';
  const told = new Promise((resolve) => {
    receiver.on('message', (batch) => {
      const records = JSON.parse(batch.data.toString());
      receiver.complete(batch, () => {});
      const own = records.find((record) => record.originalMessageId === message.messageId);
      if (own) resolve(own);
    });
  });
  const client = await openDevice(device, Mqtt);
  client.on('message', (received) => client.complete(received, () => {}));
  await service.send(device.deviceId, message);
  const record = await told;
  assert.equal(record.statusCode, 'Success');
  assert.equal(record.deviceId, device.deviceId);
  await client.close();
});

test('the queue of a device has room for fifty', async () => {
  const device = await newDevice('fifty');
  for (let i = 0; i < 50; i += 1) await service.send(device.deviceId, new Message(String(i)));
  await assert.rejects(service.send(device.deviceId, new Message('one more')), { name: 'DeviceMaximumQueueDepthExceededError' });
});

test('a message to nobody is refused', async () => {
  await assert.rejects(service.send(newId('nobody'), new Message('x')), { name: 'DeviceNotFoundError' });
});

describe('telemetry through the Event Hubs client', () => {
  test('arrives with its body, properties and system properties, whatever protocol it came by', async () => {
    const sent = new Map();
    for (const [name, transport] of [['mqtt', Mqtt], ['amqp', Amqp], ['http', Http]]) {
      const device = await newDevice(name);
      const client = await openDevice(device, transport);
      const message = new Message(JSON.stringify({ by: name }));
      message.contentType = 'application/json';
      message.contentEncoding = 'utf-8';
      message.messageId = newId('m');
      message.properties.add('site', 'a b');
      await client.sendEvent(message);
      await client.close();
      sent.set(device.deviceId, { name, messageId: message.messageId });
    }
    const consumer = new EventHubConsumerClient('$Default', eventsString);
    const seen = new Map();
    try {
      const properties = await consumer.getEventHubProperties();
      assert.equal(properties.partitionIds.length, 4);
      const subscription = consumer.subscribe({
        processEvents: async (events) => {
          const sentByDevices = events.filter((event) => event.systemProperties?.['iothub-message-source'] === 'Telemetry');
          for (const event of sentByDevices) seen.set(event.systemProperties?.['iothub-connection-device-id'], event);
        },
        processError: async (error) => { throw error; },
      }, { startPosition: earliestEventPosition });
      await until(() => [...sent.keys()].every((id) => seen.has(id)), 'all telemetry');
      await subscription.close();
    } finally {
      await consumer.close();
    }
    for (const [id, { name, messageId }] of sent) {
      const event = seen.get(id);
      assert.deepEqual(event.body, { by: name });
      assert.equal(event.properties.site, 'a b');
      assert.equal(event.messageId, messageId);
      assert.equal(event.contentType, 'application/json');
      assert.equal(event.systemProperties['iothub-message-source'], 'Telemetry');
      assert.ok(Math.abs(event.enqueuedTimeUtc.getTime() - Date.now()) < 600_000);
    }
  });
});
