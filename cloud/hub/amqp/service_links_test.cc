// What services do: messages to devices, feedback, the event endpoint.
#include "cloud/hub/amqp/mapping.h"
#include "cloud/hub/amqp/testing/session_fixture.h"
#include "cloud/hub/session/close_reasons.h"

namespace pavise::hub::testing {
namespace {

using amqp::Outcome;
using amqp::Symbol;
using amqp::Value;

const std::string kLock = "01234567-89ab-cdef-0123-456789abcdef";
const std::string kPartition = "plant-1/ConsumerGroups/$Default/Partitions/";

class AmqpServiceTest : public AmqpSessionTest {
 protected:
  void SetUp() override { be_service(); }

  static amqp::Map selector(std::string_view text) {
    return {{Value(Symbol{std::string(kSelectorFilter)}),
             Value(amqp::Described{std::make_shared<const Value>(std::uint64_t{77567109365764}),
                                   std::make_shared<const Value>(text)})}};
  }
  ClientLink& reader(std::string_view filter, std::uint32_t credit = 100,
                     std::vector<std::string> capabilities = {}, amqp::Map properties = {}) {
    ClientLink& link = client_.receiver("reader" + std::to_string(++names_),
                                        {.address = kPartition + "1",
                                         .properties = std::move(properties),
                                         .filter = filter.empty() ? amqp::Map{} : selector(filter),
                                         .desired_capabilities = std::move(capabilities),
                                         .credit = credit});
    exchange();
    return link;
  }
  static Record record(std::uint64_t offset, std::string_view payload = "p") {
    return {.offset = offset,
            .time_ms = kStartWallMs + static_cast<UnixMillis>(offset),
            .tenant = "acme",
            .device = "dev",
            .properties = "%24.mid=m&%24.ct=application%2Fjson&%24.sub=thermo&k=v",
            .payload = to_bytes(as_bytes(payload)),
            .hub = std::string(kHubName),
            .origin = RecordOrigin{"mod", "attested", "9", ""}.encode()};
  }
  void answer_read(std::vector<Record> records, std::uint64_t next, bool at_end) {
    ASSERT_FALSE(hub_.reads.empty());
    hear(EventsRead{hub_.reads.back().second, EventPage{std::move(records), next, at_end}});
  }
};

// --- Messages to devices -------------------------------------------------------------------------

TEST_F(AmqpServiceTest, SendsMessagesToDevices) {
  ClientLink& link = send_link("/messages/devicebound");
  amqp::Message message = data("hello");
  message.properties.message_id = Value("m1");
  message.properties.to = "/devices/dev%2B1/messages/devicebound";
  message.properties.absolute_expiry_ms = kStartWallMs + 1000;
  message.application_properties = {{Value("iothub-ack"), Value("full")}, {Value("k"), Value("v")}};
  const auto id = send(link, message);
  ASSERT_EQ(hub_.sent.size(), 1U);
  const MessageToDevice& sent = hub_.sent[0].first;
  EXPECT_EQ(sent.device, "dev+1");
  EXPECT_EQ(sent.feedback, FeedbackWanted::full);
  EXPECT_EQ(sent.expires_ms, kStartWallMs + 1000);
  EXPECT_EQ(as_text(sent.payload), "hello");
  EXPECT_EQ(sent.properties,
            "%24.mid=m1&%24.to=%2Fdevices%2Fdev%252B1%2Fmessages%2Fdevicebound"
            "&%24.exp=2023-11-14T22%3A13%3A21.000Z&iothub-ack=full&k=v");
  EXPECT_FALSE(link.outcomes.contains(id));
  hear(MessageSent{hub_.sent[0].second, {}});
  EXPECT_EQ(link.outcomes.at(id), "accepted");
}

TEST_F(AmqpServiceTest, SendsMessagesToModulesByUri) {
  ClientLink& link = send_link("amqps://plant-1.hub.test/messages/deviceBound");
  amqp::Message message = data("");
  message.properties.to = "/devices/d/modules/m/messages/deviceBound";
  send(link, message);
  EXPECT_EQ(hub_.sent.at(0).first.device, "d");
  EXPECT_EQ(hub_.sent.at(0).first.module_id, "m");
}

TEST_F(AmqpServiceTest, RefusedMessagesSayWhy) {
  ClientLink& link = send_link("/messages/devicebound");
  const auto nowhere = send(link, data("no to"));
  EXPECT_EQ(link.outcomes.at(nowhere), "rejected com.microsoft:argument-error");
  amqp::Message wrong = data("x");
  wrong.properties.to = "/devices/d/messages/events";
  EXPECT_EQ(link.outcomes.at(send(link, wrong)), "rejected com.microsoft:argument-error");
  amqp::Message message = data("x");
  message.properties.to = "/devices/d/messages/devicebound";
  const auto id = send(link, message);
  hear(MessageSent{hub_.sent.at(0).second, Error(kReaderTooSlow)});
  EXPECT_EQ(link.outcomes.at(id), "rejected com.microsoft:timeout");
  EXPECT_EQ(link.credit, AmqpLimits::kRequestCredit);
}

TEST_F(AmqpServiceTest, FeedbackIsReadAndSettled) {
  ClientLink& link = receive_link("/messages/serviceBound/feedback");
  ASSERT_EQ(hub_.asked.size(), 1U);
  EXPECT_EQ(hub_.asked[0].first, "feedback");
  hear(ServiceMessageOffered{hub_.asked[0].second,
                             std::optional(ServiceMessage{kLock, kStartWallMs, "[]"})});
  ASSERT_EQ(link.received.size(), 1U);
  const amqp::Message& message = link.received[0].message;
  EXPECT_EQ(message.properties.content_type, "application/vnd.microsoft.iothub.feedback.json");
  EXPECT_EQ(as_text(*message.properties.user_id), kHubName);
  EXPECT_EQ(as_text(message.data()), "[]");
  client_.answer(link, link.received[0], Outcome::accepted);
  exchange();
  EXPECT_EQ(hub_.settled,
            (std::vector<FakeHub::Settled>{{"feedback", kLock, Settlement::complete}}));
  EXPECT_EQ(hub_.asked.size(), 2U);
  hear(ServiceMessageOffered{hub_.asked[1].second, std::optional<ServiceMessage>()});
  hear(ServiceMessageWaiting{*iothub::HubName::parse(kHubName), ServiceQueue::file_notifications});
  EXPECT_EQ(hub_.asked.size(), 2U);
  hear(ServiceMessageWaiting{*iothub::HubName::parse(kHubName), ServiceQueue::feedback});
  EXPECT_EQ(hub_.asked.size(), 3U);
}

TEST_F(AmqpServiceTest, FileNotificationsHaveTheirOwnQueue) {
  ClientLink& link = receive_link("/messages/serviceBound/filenotifications");
  EXPECT_EQ(hub_.asked.at(0).first, "files");
  hear(ServiceMessageOffered{hub_.asked[0].second,
                             std::optional(ServiceMessage{kLock, kStartWallMs, "{}"})});
  client_.answer(link, link.received.at(0), Outcome::released);
  exchange();
  EXPECT_EQ(hub_.settled, (std::vector<FakeHub::Settled>{{"files", kLock, Settlement::abandon}}));
}

// --- Redirect ------------------------------------------------------------------------------------

TEST_F(AmqpServiceTest, TheOldEventAddressRedirects) {
  for (const char* address :
       {"/messages/events/$management", "/messages/events/ConsumerGroups/$Default/Partitions/0",
        "amqps://plant-1.hub.test/messages/events"}) {
    ClientLink& link = receive_link(address);
    EXPECT_FALSE(link.attached);
    ASSERT_TRUE(link.failure);
    EXPECT_EQ(link.failure->condition, "amqp:link:redirect");
    EXPECT_EQ(at(link.failure->info, "hostname"), kHost);
    EXPECT_EQ(at(link.failure->info, "network-host"), kHost);
    EXPECT_EQ(at(link.failure->info, "port"), "5671");
    EXPECT_EQ(at(link.failure->info, "address"),
              "amqps://plant-1.hub.test:5671/plant-1/$management");
  }
}

TEST_F(AmqpSessionTest, DevicesAreNotRedirected) {
  be_device();
  EXPECT_EQ(receive_link("/messages/events/$management").failure->condition,
            "amqp:unauthorized-access");
}

// --- Management ----------------------------------------------------------------------------------

class AmqpManagementTest : public AmqpServiceTest {
 protected:
  void SetUp() override {
    AmqpServiceTest::SetUp();
    requests_ = &send_link("plant-1/$management");
    answers_ = &client_.receiver(
        "answers", {.address = "plant-1/$management", .other_address = "me", .credit = 100});
    exchange();
  }
  static amqp::Message request(std::string_view type, std::string_view name = "plant-1",
                               std::string_view partition = {}) {
    amqp::Message out;
    out.properties.message_id = Value("q");
    out.properties.reply_to = "me";
    out.application_properties = {{Value("operation"), Value("READ")},
                                  {Value("name"), Value(name)},
                                  {Value("type"), Value(type)}};
    if (!partition.empty())
      out.application_properties.push_back({Value("partition"), Value(partition)});
    return out;
  }
  std::string status(const amqp::Message& question) {
    answers_->received.clear();
    send(*requests_, question);
    return answers_->received.empty()
               ? "none"
               : at(answers_->received[0].message.application_properties, "status-code");
  }
  const amqp::Map& body() const {
    return *std::get<Value>(answers_->received.at(0).message.body).as<amqp::Map>();
  }
  ClientLink* requests_ = nullptr;
  ClientLink* answers_ = nullptr;
};

TEST_F(AmqpManagementTest, DescribesTheHub) {
  EXPECT_EQ(status(request("com.microsoft:eventhub")), "200");
  EXPECT_EQ(answers_->received[0].message.properties.correlation_id, Value("q"));
  EXPECT_EQ(at(answers_->received[0].message.application_properties, "statusCode"), "200");
  EXPECT_EQ(at(body(), "name"), "plant-1");
  EXPECT_EQ(at(body(), "partition_count"), "2");
  EXPECT_EQ(at(body(), "created_at"), "1600000000000");
  EXPECT_EQ(*amqp::find(body(), "partition_ids"), Value(amqp::Array{{Value("0"), Value("1")}}));
}

TEST_F(AmqpManagementTest, DescribesAPartition) {
  EXPECT_EQ(status(request("com.microsoft:partition", "plant-1", "1")), "none");
  ASSERT_EQ(hub_.described.size(), 1U);
  EXPECT_EQ(hub_.described[0].first, 1U);
  hear(PartitionDescribed{hub_.described[0].second, PartitionInfo{.first_offset = 3,
                                                                  .next_offset = 10,
                                                                  .last_offset = 9,
                                                                  .last_enqueued_ms = kStartWallMs,
                                                                  .empty = false}});
  ASSERT_EQ(answers_->received.size(), 1U);
  EXPECT_EQ(at(body(), "partition"), "1");
  EXPECT_EQ(at(body(), "begin_sequence_number"), "3");
  EXPECT_EQ(at(body(), "last_enqueued_sequence_number"), "9");
  EXPECT_EQ(at(body(), "last_enqueued_offset"), "9");
  EXPECT_EQ(at(body(), "last_enqueued_time_utc"), std::to_string(kStartWallMs));
  EXPECT_EQ(at(body(), "is_partition_empty"), "false");
}

TEST_F(AmqpManagementTest, OtherQuestionsAreRefused) {
  EXPECT_EQ(status(request("com.microsoft:other")), "400");
  EXPECT_EQ(status(request("com.microsoft:eventhub", "other")), "404");
  EXPECT_EQ(status(request("com.microsoft:partition", "plant-1", "2")), "404");
  EXPECT_EQ(status(request("com.microsoft:partition", "plant-1", "x")), "404");
  EXPECT_EQ(status(request("com.microsoft:partition", "plant-1")), "404");
  EXPECT_EQ(closed(), "open");
}

// --- Readers -------------------------------------------------------------------------------------

TEST_F(AmqpServiceTest, EventsComeWithTheirAnnotations) {
  ClientLink& link = reader("amqp.annotation.x-opt-offset > '-1'");
  ASSERT_EQ(hub_.reads.size(), 1U);
  EXPECT_EQ(hub_.reads[0].first.partition, 1U);
  EXPECT_EQ(hub_.reads[0].first.from, 0U);
  answer_read({record(5, "{}")}, 6, true);
  ASSERT_EQ(link.received.size(), 1U);
  const amqp::Message& message = link.received[0].message;
  const amqp::Map& notes = message.annotations;
  EXPECT_EQ(at(notes, "x-opt-sequence-number"), "5");
  EXPECT_EQ(at(notes, "x-opt-offset"), "5");
  EXPECT_EQ(at(notes, "x-opt-enqueued-time"), std::to_string(kStartWallMs + 5));
  EXPECT_EQ(at(notes, "iothub-connection-device-id"), "dev");
  EXPECT_EQ(at(notes, "iothub-connection-module-id"), "mod");
  EXPECT_EQ(at(notes, "iothub-connection-auth-method"),
            "{\"scope\":\"module\",\"type\":\"x509\",\"issuer\":\"iothub\","
            "\"acceptingIpFilterRule\":null}");
  EXPECT_EQ(at(notes, "iothub-connection-auth-generation-id"), "9");
  EXPECT_EQ(at(notes, "iothub-message-source"), "Telemetry");
  EXPECT_EQ(at(notes, "dt-subject"), "thermo");
  EXPECT_EQ(message.properties.message_id, Value("m"));
  EXPECT_EQ(message.properties.content_type, "application/json");
  EXPECT_EQ(at(message.application_properties, "k"), "v");
  EXPECT_EQ(as_text(message.data()), "{}");
  EXPECT_TRUE(message.delivery_annotations.empty());
}

TEST_F(AmqpServiceTest, ReadsOnUntilTheEndAndAgainWhenMoreArrives) {
  ClientLink& link = reader("");
  answer_read({record(0)}, 1, false);
  ASSERT_EQ(hub_.reads.size(), 2U);
  EXPECT_EQ(hub_.reads[1].first.from, 1U);
  answer_read({}, 50, false);  // others' records
  ASSERT_EQ(hub_.reads.size(), 3U);
  EXPECT_EQ(hub_.reads[2].first.from, 50U);
  answer_read({record(50)}, 51, true);
  EXPECT_EQ(hub_.reads.size(), 3U);
  EXPECT_EQ(link.received.size(), 2U);
  hear(EventsArrived{});
  ASSERT_EQ(hub_.reads.size(), 4U);
  EXPECT_EQ(hub_.reads[3].first.from, 51U);
}

// The commit's word overtakes the page that was read before it.
TEST_F(AmqpServiceTest, EventsThatArriveDuringAReadAreReadNext) {
  ClientLink& link = reader("");
  hear(EventsArrived{});
  EXPECT_EQ(hub_.reads.size(), 1U);
  answer_read({}, 5, true);
  ASSERT_EQ(hub_.reads.size(), 2U);
  EXPECT_EQ(hub_.reads[1].first.from, 5U);
  answer_read({record(5)}, 6, true);
  EXPECT_EQ(link.received.size(), 1U);
  EXPECT_EQ(hub_.reads.size(), 2U) << "the end is the end again";
  hear(EventsArrived{});
  EXPECT_EQ(hub_.reads.size(), 3U);
}

// One word wakes all readers of a connection, whatever each of them waits for.
TEST_F(AmqpServiceTest, EventsThatArriveWhileAllReadersReadWakeThemAll) {
  reader("");
  reader("");
  ASSERT_EQ(hub_.reads.size(), 2U);
  hear(EventsArrived{});
  const auto reads = hub_.reads;
  for (const auto& [query, token] : reads) hear(EventsRead{token, EventPage{{}, 5, true}});
  ASSERT_EQ(hub_.reads.size(), 4U);
  hear(EventsRead{hub_.reads[2].second, EventPage{{}, 6, true}});
  hear(EventsArrived{});  // one waits, one reads
  ASSERT_EQ(hub_.reads.size(), 5U);
  hear(EventsRead{hub_.reads[3].second, EventPage{{}, 6, true}});
  EXPECT_EQ(hub_.reads.size(), 6U);
}

TEST_F(AmqpServiceTest, CreditHoldsReadingBack) {
  ClientLink& link = reader("", 2);
  answer_read({record(0), record(1), record(2)}, 3, false);
  EXPECT_EQ(link.received.size(), 2U);
  EXPECT_EQ(hub_.reads.size(), 1U);
  client_.flow(link, 5);
  exchange();
  EXPECT_EQ(link.received.size(), 3U);
  EXPECT_EQ(hub_.reads.size(), 2U);
}

TEST_F(AmqpServiceTest, APeerThatDoesNotReadHoldsReadingBack) {
  ClientLink& link = reader("");
  session_.set_output_blocked(true, out_);
  answer_read({record(0)}, 1, false);
  EXPECT_TRUE(link.received.empty());
  EXPECT_EQ(hub_.reads.size(), 1U);
  session_.set_output_blocked(false, out_);
  exchange();
  EXPECT_EQ(link.received.size(), 1U);
  EXPECT_EQ(hub_.reads.size(), 2U);
}

TEST_F(AmqpServiceTest, LargePagesLeaveInSeveralTurns) {
  ClientLink& link = reader("", 100);
  std::vector<Record> page;
  for (std::uint64_t i = 0; i < 10; ++i) page.push_back(record(i, std::string(100'000, 'x')));
  answer_read(std::move(page), 10, true);
  EXPECT_EQ(link.received.size(), 10U);
}

TEST_F(AmqpServiceTest, DrainedCreditComesBackAtTheEnd) {
  ClientLink& link = reader("");
  answer_read({}, 5, true);
  client_.flow(link, 10, true);
  exchange();
  EXPECT_TRUE(link.drained);
}

TEST_F(AmqpServiceTest, StartsWhereTheFilterSays) {
  reader("amqp.annotation.x-opt-offset > '41'");
  EXPECT_EQ(hub_.reads.back().first.from, 42U);
  reader("amqp.annotation.x-opt-sequence-number >= '41'");
  EXPECT_EQ(hub_.reads.back().first.from, 41U);
  const std::size_t reads = hub_.reads.size();

  reader("amqp.annotation.x-opt-offset > '@latest'");
  EXPECT_EQ(hub_.reads.size(), reads);
  hear(PartitionDescribed{hub_.described.back().second,
                          PartitionInfo{.next_offset = 77, .empty = false}});
  EXPECT_EQ(hub_.reads.back().first.from, 77U);

  for (const char* name : {"x-opt-enqueued-time", "x-opt-enqueuedtimeutc"}) {
    reader("amqp.annotation." + std::string(name) + " > 1700000000000");
    EXPECT_EQ(hub_.searched.back().first, 1'700'000'000'001);
    hear(OffsetFound{hub_.searched.back().second, std::uint64_t{33}});
    EXPECT_EQ(hub_.reads.back().first.from, 33U);
  }
}

TEST_F(AmqpServiceTest, RuntimeMetricsComeWhenAskedFor) {
  ClientLink& link = reader("", 100, {"com.microsoft:enable-receiver-runtime-metric"});
  answer_read({record(5)}, 6, true);
  EXPECT_TRUE(link.received.empty());
  hear(PartitionDescribed{
      hub_.described.at(0).second,
      PartitionInfo{.next_offset = 9, .last_offset = 8, .last_enqueued_ms = 123, .empty = false}});
  ASSERT_EQ(link.received.size(), 1U);
  const amqp::Map& metrics = link.received[0].message.delivery_annotations;
  EXPECT_EQ(at(metrics, "last_enqueued_sequence_number"), "8");
  EXPECT_EQ(at(metrics, "last_enqueued_offset"), "8");
  EXPECT_EQ(at(metrics, "last_enqueued_time_utc"), "123");
}

TEST_F(AmqpServiceTest, EpochsDisplaceReaders) {
  const amqp::Map epoch{{Value(Symbol{"com.microsoft:epoch"}), Value(std::int64_t{3})}};
  ClientLink& link = reader("", 10, {}, epoch);
  EXPECT_EQ(hub_.claimed, (std::vector<std::string>{"$Default/1/3"}));
  const Token token = hub_.last_reader;
  hear(ReaderDisplaced{token + 1000});
  EXPECT_FALSE(link.detached);
  hear(ReaderDisplaced{token});
  EXPECT_EQ(link.failure->condition, "amqp:link:stolen");
  EXPECT_EQ(hub_.released, (std::vector<Token>{token}));
  hub_.grant = PartitionGrant::epoch_reads;
  ClientLink& late = reader("", 10);
  EXPECT_EQ(hub_.claimed.back(), "$Default/1/none");
  EXPECT_EQ(late.failure->condition, "amqp:link:stolen");
  EXPECT_EQ(hub_.released.size(), 1U);
  // What Event Hubs says to one too many; "stolen" would make its client give up for another's
  // sake.
  hub_.grant = PartitionGrant::too_many_readers;
  ClientLink& sixth = reader("", 10);
  EXPECT_EQ(sixth.failure->condition, "amqp:resource-limit-exceeded");
  EXPECT_EQ(hub_.released.size(), 1U);
}

TEST_F(AmqpServiceTest, ReadersReleaseTheirPartitionHoweverTheyEnd) {
  ClientLink& first = reader("");
  const Token token = hub_.last_reader;
  client_.detach(first);
  exchange();
  EXPECT_EQ(hub_.released, (std::vector<Token>{token}));
  reader("");
  session_.close(kPeerClosed, out_);
  EXPECT_EQ(hub_.released.size(), 2U);
}

TEST_F(AmqpServiceTest, WrongReadersAreRefused) {
  EXPECT_EQ(reader("color = 'red'").failure->condition, "com.microsoft:argument-error");
  EXPECT_EQ(receive_link(kPartition + "2").failure->condition, "amqp:not-found");
  EXPECT_EQ(receive_link("other/ConsumerGroups/$Default/Partitions/0").failure->condition,
            "amqp:not-found");
  EXPECT_EQ(send_link(kPartition + "0").failure->condition, "amqp:not-allowed");
  EXPECT_TRUE(hub_.reads.empty());
}

TEST_F(AmqpServiceTest, AFailedReadClosesTheLink) {
  ClientLink& link = reader("");
  hear(EventsRead{hub_.reads.at(0).second, Error(kNotStored)});
  EXPECT_EQ(link.failure->condition, "com.microsoft:timeout");
}

// Its links were granted for the hub that is gone.
TEST_F(AmqpServiceTest, NothingIsDoneInALaterHubOfTheSameName) {
  ClientLink& read = reader("");
  ClientLink& feedback = receive_link("/messages/serviceBound/feedback", 0);
  ClientLink& messages = send_link("/messages/devicebound");
  ClientLink& management = send_link("plant-1/$management");
  ASSERT_EQ(hub_.reads.size(), 1U);
  ++hub_.created;
  answer_read({}, 1, false);
  EXPECT_EQ(read.failure->condition, "amqp:not-found");
  EXPECT_EQ(hub_.reads.size(), 1U);
  client_.flow(feedback, 5);
  exchange();
  EXPECT_EQ(feedback.failure->condition, "amqp:not-found");
  EXPECT_TRUE(hub_.asked.empty());
  amqp::Message message = data("x");
  message.properties.to = "/devices/d/messages/devicebound";
  send(messages, message);
  EXPECT_EQ(messages.failure->condition, "amqp:not-found");
  EXPECT_TRUE(hub_.sent.empty());
  send(management, data("x"));
  EXPECT_EQ(management.failure->condition, "amqp:not-found");
  EXPECT_EQ(closed(), "open");
}

// As @azure/event-hubs does it: a token for each address, signed for the event endpoint.
TEST_F(AmqpSessionTest, EventHubTokensOpenEventAddressesOnly) {
  open();
  ASSERT_EQ(put_token("sb://plant-1.hub.test/plant-1/ConsumerGroups/$Default/Partitions/0",
                      "policy:service"),
            200);
  EXPECT_TRUE(receive_link(kPartition + "0").attached);
  EXPECT_EQ(
      hub_.claims.back(),
      std::string(kHost) + "|-||policy:service|plant-1/ConsumerGroups/$Default/Partitions/0|sb");
  EXPECT_TRUE(send_link("$management").attached);
  EXPECT_FALSE(send_link("/messages/devicebound").attached);
  EXPECT_FALSE(send_link("/devices/dev/messages/events").attached);
}

}  // namespace
}  // namespace pavise::hub::testing
