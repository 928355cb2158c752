// The hub around an AMQP session: admits whom the test names, records what is asked.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cloud/hub/ports/service_port.h"

namespace pavise::hub::testing {

inline constexpr std::string_view kHubName = "plant-1";

class FakeHub : public DevicePort, public ServicePort {
 public:
  struct Appended {
    std::string device, properties, payload, hub, origin;
  };
  struct Settled {
    std::string owner;  // client id, or the queue
    std::string lock_token;
    Settlement settlement;
    bool operator==(const Settled&) const = default;
  };

  // A token "good:{client id}" or "policy:{name}", a policy's key "key:{name}", or no token with a
  // certificate, proves it.
  Result<Principal> authenticate(const Claim& claim) override {
    claims.push_back(std::string(claim.host) + "|" + std::string(claim.device.value_or("-")) + "|" +
                     std::string(claim.module_id) + "|" + std::string(claim.sas_token) + "|" +
                     joined(claim.resource) + (claim.event_hub ? "|sb" : ""));
    Principal out{.hub = *iothub::HubName::parse(kHubName),
                  .tenant = *TenantId::parse("acme"),
                  .identity = std::nullopt,
                  .generation_id = "7",
                  .expires_ms = expires_ms,
                  .may_ask_for_faults = allow_faults};
    const std::string id = std::string(claim.device.value_or("")) +
                           (claim.module_id.empty() ? "" : "/" + std::string(claim.module_id));
    if (!claim.policy.empty()) {
      out.policy = claim.policy;
      if (claim.policy_key != "key:" + out.policy || !policies.contains(out.policy)) return refusal;
      out.rights = policies.at(out.policy);
      return out;
    }
    if (claim.sas_token.starts_with("policy:")) {
      out.policy = claim.sas_token.substr(7);
      if (!policies.contains(out.policy)) return refusal;
      out.rights = policies.at(out.policy);
      if (!claim.device) return out;
    } else if ((claim.sas_token.empty() ? !certificates.contains(id)
                                        : claim.sas_token != "good:" + id) ||
               barred.contains(id)) {
      return refusal;
    } else {
      out.method = claim.sas_token.empty() ? AuthMethod::x509 : AuthMethod::sas;
    }
    out.rights = static_cast<Rights>(Right::device_connect);
    out.identity = iothub::Identity::make(out.hub, *claim.device, claim.module_id);
    if (!out.identity) return refusal;
    return out;
  }
  void attach(const Principal& principal, Channels opened) override {
    channels[principal.identity->client_id()] |= opened;
  }
  void detach(const iothub::Identity& identity, Channels ended) override {
    channels[identity.client_id()] &= static_cast<Channels>(~static_cast<unsigned>(ended));
  }
  void note_refusal(std::string_view device, std::string_view tracking_id,
                    const Error& why) override {
    refusals.push_back(std::string(tracking_id) + " " + std::string(device) + " " +
                       std::string(why.code()));
  }
  void leave(const iothub::Identity& identity) override { left.push_back(identity.client_id()); }
  Result<std::uint64_t> append(const RecordView& record) override {
    if (refuse_append) return *refuse_append;
    records.push_back({std::string(record.device), std::string(record.properties),
                       std::string(as_text(record.payload)), std::string(record.hub),
                       std::string(record.origin)});
    return std::uint64_t{records.size() - 1};
  }
  void ask_twin(const iothub::Identity& identity, TwinRequest request, Token token) override {
    twin_of.push_back(identity.client_id());
    twins.emplace_back(std::move(request), token);
  }
  void answer_method(std::uint64_t call, Result<MethodReply> reply) override {
    method_answers.emplace_back(call, std::move(reply));
  }
  void next_message(const iothub::Identity& identity, Token token) override {
    asked.emplace_back(identity.client_id(), token);
  }
  void settle_message(const iothub::Identity& identity, const std::string& lock_token,
                      Settlement settlement, Token) override {
    settled.push_back({identity.client_id(), lock_token, settlement});
  }
  std::optional<std::uint8_t> load_subscriptions(const iothub::Identity&) override { return {}; }
  void store_subscriptions(const iothub::Identity&, std::optional<std::uint8_t>) override {}

  void send_message(const iothub::HubName&, MessageToDevice message, Token token) override {
    sent.emplace_back(std::move(message), token);
  }
  void next_service_message(const iothub::HubName&, ServiceQueue queue, Token token) override {
    asked.emplace_back(name_of(queue), token);
  }
  void settle_service_message(const iothub::HubName&, ServiceQueue queue,
                              const std::string& lock_token, Settlement settlement,
                              Token) override {
    settled.push_back({name_of(queue), lock_token, settlement});
  }
  unsigned partition_count(const iothub::HubName&) override { return 2; }
  UnixMillis created_ms(const iothub::HubName&) override { return created; }
  void describe_partition(const iothub::HubName&, unsigned partition, Token token) override {
    described.emplace_back(partition, token);
  }
  void find_offset(const iothub::HubName&, unsigned, UnixMillis at_or_after, Token token) override {
    searched.emplace_back(at_or_after, token);
  }
  void read_events(const iothub::HubName&, const EventQuery& query, Token token) override {
    reads.emplace_back(query, token);
  }
  PartitionGrant claim_partition(const iothub::HubName&, const std::string& consumer_group,
                                 unsigned partition, std::optional<std::int64_t> epoch,
                                 Token reader) override {
    claimed.push_back(consumer_group + "/" + std::to_string(partition) + "/" +
                      (epoch ? std::to_string(*epoch) : "none"));
    last_reader = reader;
    return grant;
  }
  void release_partition(const iothub::HubName&, const std::string&, unsigned,
                         Token reader) override {
    released.push_back(reader);
  }

  static std::string name_of(ServiceQueue queue) {
    return queue == ServiceQueue::feedback ? "feedback" : "files";
  }
  static std::string joined(std::span<const std::string_view> parts) {
    std::string out;
    for (const auto part : parts) out.append(out.empty() ? "" : "/").append(part);
    return out;
  }

  static constexpr ErrorInfo kRefused{"PV-SAS-900", Retry::never, "refused by the test", ""};
  Error refusal = kRefused;
  UnixMillis expires_ms = 2'000'000'000'000;
  std::map<std::string, Rights, std::less<>> policies = {
      {"service", static_cast<Rights>(Right::service_connect)},
      {"device", static_cast<Rights>(Right::device_connect)}};
  std::set<std::string, std::less<>> certificates;
  std::set<std::string, std::less<>> barred;  // client ids
  std::optional<Error> refuse_append;
  bool allow_faults = false;
  PartitionGrant grant = PartitionGrant::granted;
  UnixMillis created = 1'600'000'000'000;

  std::vector<std::string> claims;
  std::map<std::string, Channels> channels;
  std::vector<std::string> left;
  std::vector<Appended> records;
  std::vector<std::pair<TwinRequest, Token>> twins;
  std::vector<std::string> twin_of;
  std::vector<std::pair<std::uint64_t, Result<MethodReply>>> method_answers;
  std::vector<std::pair<std::string, Token>> asked;
  std::vector<Settled> settled;
  std::vector<std::pair<MessageToDevice, Token>> sent;
  std::vector<std::pair<unsigned, Token>> described;
  std::vector<std::pair<UnixMillis, Token>> searched;
  std::vector<std::pair<EventQuery, Token>> reads;
  std::vector<std::string> claimed;
  std::vector<Token> released;
  std::vector<std::string> refusals;
  Token last_reader = 0;
};

}  // namespace pavise::hub::testing
