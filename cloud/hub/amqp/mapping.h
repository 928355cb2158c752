// What IoT Hub means by the parts of an AMQP message (reference B, D2, D3): to and from the
// property bags that the hub keeps.
#pragma once

#include "cloud/hub/amqp/errors.h"
#include "cloud/hub/ports/service_port.h"
#include "protocol/amqp/codec/message.h"

namespace pavise::hub {

inline constexpr std::size_t kTelemetrySizeMax = 256UL * 1024;

// System and application properties as an encoded bag. kBadValue and PV-IOT-004, 005.
Result<std::string> property_bag_of(const amqp::Message& message);
// Data sections joined, or the text or binary of a value; a message without body is empty.
// kBodyNotData.
Result<Bytes> body_of(amqp::Message& message);

// A cloud-to-device message as the device receives it.
amqp::Message to_amqp(DeviceMessage message);
// A service's message as the hub queues it. kBadDestination and the errors above.
Result<MessageToDevice> to_device_message(amqp::Message& message);
// Feedback or a file notification.
amqp::Message to_amqp(const ServiceMessage& message, ServiceQueue queue, std::string_view hub);
// A record of the log as an Event Hubs client receives it.
amqp::Message to_amqp(Record record);
// What a reader that asked for runtime metrics is told of the partition.
amqp::Map runtime_metrics(const PartitionInfo& info, UnixMillis now_ms);

// Tag of a delivery: the lock token's UUID, or the text if it is none.
Bytes delivery_tag(std::string_view lock_token);

}  // namespace pavise::hub
