// Messages to devices through azure-iothub over AMQP, feedback, and telemetry through @azure/event-hubs.
import { test, describe, before, after } from 'node:test';
import assert from 'node:assert/strict';
import {
  newDevice, openDevice, until, ownerString, eventsString, Message, Mqtt, Amqp, Http, ServiceClient, EventHubConsumerClient,
  earliestEventPosition, newId,
} from './surroundings.mjs';

const service = ServiceClient.fromConnectionString(ownerString);

before(() => service.open());
after(() => service.close());

for (const [name, transport] of [['MQTT', Mqtt], ['AMQP', Amqp]]) {
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
    assert.equal(received.properties.getValue('urgency'), 'high');
    await client.complete(received);
    await client.close();
  });
}

test('a message over AMQP that is abandoned comes again, one that is rejected does not', async () => {
  const device = await newDevice('settle');
  const client = await openDevice(device, Amqp);
  let deliveries = 0;
  const rejected = new Promise((resolve) => {
    client.on('message', (message) => {
      deliveries += 1;
      if (deliveries === 1) client.abandon(message, () => {});
      else client.reject(message, () => resolve());
    });
  });
  await service.send(device.deviceId, new Message('twice'));
  await rejected;
  assert.equal(deliveries, 2);
  await client.close();
});

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
