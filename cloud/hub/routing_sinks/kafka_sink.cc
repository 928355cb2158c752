#include "cloud/hub/routing_sinks/kafka_sink.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/hub/routing/address.h"
#include "cloud/hub/routing_sinks/authorities.h"
#include "cloud/hub/routing_sinks/headers.h"

namespace pavise::hub::routing {
namespace {

constexpr std::size_t kWordsMax = 200;  // of librdkafka's in our errors
// After the time of a batch librdkafka has reported every message; if not, they are given up.
constexpr net::Millis kReportGrace{2'000};
constexpr net::Millis kPurgeGrace{1'000};

struct ConfDeleter {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
struct ProducerDeleter {
  void operator()(rd_kafka_t* producer) const { rd_kafka_destroy(producer); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfDeleter>;
using Producer = std::unique_ptr<rd_kafka_t, ProducerDeleter>;

std::string words(std::string_view text) {
  std::string out(text.substr(0, kWordsMax));
  std::ranges::replace_if(out, [](char c) { return c < 0x20 || c == 0x7F; }, '?');
  return out;
}

// Null, with the reason in words: the settings do not go together.
Producer new_producer(Conf conf, std::string& reason) {
  std::array<char, 256> text{};
  rd_kafka_conf_t* const given = conf.release();  // the producer's, if there is one
  Producer out(rd_kafka_new(RD_KAFKA_PRODUCER, given, text.data(), text.size()));
  if (!out) {
    conf.reset(given);
    reason = words(text.data());
  }
  return out;
}

// What became of one message of a batch.
struct Report {
  bool reported = false;
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
};

// The same message would be refused again.
bool is_final(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
      return true;
    default:
      return false;
  }
}

class KafkaSink final : public Sink {
 public:
  KafkaSink(store::RoutingEndpointRecord endpoint, net::Millis answer)
      : endpoint_(std::move(endpoint)), answer_(answer) {}

  Status start();
  Outcome deliver(std::span<const Message> messages) override;

 private:
  static void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void*);
  static void on_error(rd_kafka_t*, int code, const char* reason, void* self);
  rd_kafka_resp_err_t produce(const Message& message, Report& report) const;
  void wait_for(const std::vector<Report>& reports);
  Error error_of(rd_kafka_resp_err_t code);

  const store::RoutingEndpointRecord endpoint_;
  const net::Millis answer_;
  std::mutex mutex_;
  std::string last_words_;  // of a connection, under the mutex
  Producer producer_;
};

Status KafkaSink::start() {
  Conf conf(rd_kafka_conf_new());
  std::vector<std::pair<const char*, std::string>> settings = {
      {"bootstrap.servers", endpoint_.address},
      {"client.id", "pavise"},
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"message.timeout.ms", std::to_string(answer_.count())},
      {"socket.timeout.ms", std::to_string(std::max<std::int64_t>(answer_.count(), 1'000))},
      {"socket.connection.setup.timeout.ms", "5000"},
      {"queue.buffering.max.messages", "1000"},
      {"queue.buffering.max.kbytes", "8192"},
      {"receive.message.max.bytes", "4000000"},
      {"log_level", "0"},
      {"security.protocol", endpoint_.tls ? "ssl" : "plaintext"},
  };
  if (endpoint_.tls) {
    PAVISE_TRY_ASSIGN(const std::string authorities, authorities_of(endpoint_));
    settings.emplace_back("ssl.ca.pem", authorities);
    settings.emplace_back("enable.ssl.certificate.verification", "true");
    settings.emplace_back("ssl.endpoint.identification.algorithm", "https");
  }
  for (const auto& [name, value] : settings) {
    std::array<char, 256> reason{};
    if (rd_kafka_conf_set(conf.get(), name, value.c_str(), reason.data(), reason.size()) !=
        RD_KAFKA_CONF_OK)
      return Error(kKafkaSettings, name);
  }
  rd_kafka_conf_set_dr_msg_cb(conf.get(), &KafkaSink::on_report);
  rd_kafka_conf_set_error_cb(conf.get(), &KafkaSink::on_error);
  rd_kafka_conf_set_log_cb(conf.get(), [](const rd_kafka_t*, int, const char*, const char*) {});
  rd_kafka_conf_set_opaque(conf.get(), this);
  std::string reason;
  producer_ = new_producer(std::move(conf), reason);
  if (!producer_) return Error(kKafkaSettings, reason);
  return {};
}

// In rd_kafka_poll(), on our own thread.
void KafkaSink::on_report(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  auto* const report = static_cast<Report*>(message->_private);
  if (report == nullptr) return;
  report->reported = true;
  report->code = message->err;
}

void KafkaSink::on_error(rd_kafka_t*, int, const char* reason, void* self) {
  auto* const sink = static_cast<KafkaSink*>(self);
  const std::lock_guard lock(sink->mutex_);
  sink->last_words_ = words(reason == nullptr ? "" : reason);
}

rd_kafka_resp_err_t KafkaSink::produce(const Message& message, Report& report) const {
  rd_kafka_headers_t* headers = rd_kafka_headers_new(16);
  for (const auto& [name, value] : headers_of(message))
    rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  // librdkafka copies; it does not change what it is pointed to.
  auto* const payload = const_cast<std::byte*>(message.body.data());
  auto* const key = const_cast<char*>(message.device.data());
  const auto code = rd_kafka_producev(
      producer_.get(), RD_KAFKA_V_TOPIC(endpoint_.topic.c_str()),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, message.device.size()),
      RD_KAFKA_V_VALUE(payload, message.body.size()), RD_KAFKA_V_TIMESTAMP(message.time_ms),
      RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(&report), RD_KAFKA_V_END);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_headers_destroy(headers);
  return code;
}

void KafkaSink::wait_for(const std::vector<Report>& reports) {
  const auto missing = [&] {
    return !std::ranges::all_of(reports, [](const Report& each) { return each.reported; });
  };
  const auto until = net::Deadline::after(answer_ + kReportGrace);
  while (missing() && !until.passed()) rd_kafka_poll(producer_.get(), 100);
  if (!missing()) return;
  // No report may come when the reports are gone.
  rd_kafka_purge(producer_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  const auto gone = net::Deadline::after(kPurgeGrace);
  while (missing() && !gone.passed()) rd_kafka_poll(producer_.get(), 100);
  if (missing()) producer_.reset();
}

Error KafkaSink::error_of(rd_kafka_resp_err_t code) {
  std::string text = words(rd_kafka_err2str(code));
  const std::lock_guard lock(mutex_);
  if (!last_words_.empty()) text += ": " + last_words_;
  return Error(is_final(code) ? kKafkaRefused : kKafkaSaid, std::move(text));
}

Outcome KafkaSink::deliver(std::span<const Message> messages) {
  {
    const std::lock_guard lock(mutex_);
    last_words_.clear();
  }
  if (!producer_)
    if (const Status started = start(); !started) return {.error = started.error()};
  std::vector<Report> reports(messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i)
    if (const auto code = produce(messages[i], reports[i]); code != RD_KAFKA_RESP_ERR_NO_ERROR)
      reports[i] = {true, code};
  wait_for(reports);
  // After a fatal error it takes nothing any more.
  if (producer_ && rd_kafka_fatal_error(producer_.get(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR)
    producer_.reset();
  Outcome out;
  const auto stored = [](const Report& each) {
    return each.reported && each.code == RD_KAFKA_RESP_ERR_NO_ERROR;
  };
  const auto first = std::ranges::find_if_not(reports, stored);
  out.delivered = static_cast<std::size_t>(first - reports.begin());
  if (first == reports.end()) return out;
  const auto code = first->reported ? first->code : RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
  out.error = error_of(code);
  out.refused = is_final(code);
  return out;
}

}  // namespace

void prepare_kafka() {
  static std::once_flag once;
  std::call_once(once, [] {
    Conf conf(rd_kafka_conf_new());
    rd_kafka_conf_set(conf.get(), "log_level", "0", nullptr, 0);
    std::string reason;
    const Producer first = new_producer(std::move(conf), reason);
  });
}

Result<std::unique_ptr<Sink>> make_kafka_sink(const store::RoutingEndpointRecord& endpoint,
                                              net::Millis answer) {
  PAVISE_TRY(parse_servers(endpoint.address));
  PAVISE_TRY(check_kafka_topic(endpoint.topic));
  auto sink = std::make_unique<KafkaSink>(endpoint, answer);
  PAVISE_TRY(sink->start());
  return std::unique_ptr<Sink>(std::move(sink));
}

}  // namespace pavise::hub::routing
