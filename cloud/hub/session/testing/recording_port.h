// A DevicePort that records what a session asks for. It admits whom `members` names.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cloud/hub/session/session.h"

namespace pavise::hub::testing {

class RecordingPort final : public DevicePort {
 public:
  struct Appended {
    UnixMillis time_ms;
    std::string tenant, device, properties, payload, hub, origin;
  };
  struct Settled {
    std::string lock_token;
    Settlement settlement;
    bool operator==(const Settled&) const = default;
  };

  Result<Principal> authenticate(const Claim& claim) override {
    const std::string id = std::string(claim.device.value_or("")) +
                           (claim.module_id.empty() ? "" : "/" + std::string(claim.module_id));
    tokens.emplace_back(claim.sas_token);
    hosts.emplace_back(claim.host);
    const auto member = members.find(id);
    if (member == members.end()) return kDeviceBarred;
    return member->second;
  }
  void attach(const Principal& principal, Channels opened) override {
    channels[principal.identity->client_id()] |= opened;
    ++attached;
  }
  void detach(const iothub::Identity& identity, Channels ended) override {
    channels[identity.client_id()] &= static_cast<Channels>(~static_cast<unsigned>(ended));
  }
  void leave(const iothub::Identity&) override {}
  Result<std::uint64_t> append(const RecordView& record) override {
    if (refuse_with) return *refuse_with;
    records.push_back({record.time_ms, std::string(record.tenant), std::string(record.device),
                       std::string(record.properties), std::string(as_text(record.payload)),
                       std::string(record.hub), std::string(record.origin)});
    return std::uint64_t{records.size() - 1};
  }
  void ask_twin(const iothub::Identity& identity, TwinRequest request, Token token) override {
    twin_of.push_back(identity.client_id());
    twins.emplace_back(std::move(request), token);
  }
  void answer_method(std::uint64_t call, Result<MethodReply> reply) override {
    method_answers.emplace_back(call, std::move(reply));
  }
  void next_message(const iothub::Identity&, Token token) override {
    asked_messages.push_back(token);
  }
  void settle_message(const iothub::Identity&, const std::string& lock_token, Settlement settlement,
                      Token) override {
    settled.push_back({lock_token, settlement});
  }
  std::optional<SubscriptionSet> load_subscriptions(const iothub::Identity& identity) override {
    const auto found = stored.find(identity.client_id());
    if (found == stored.end()) return std::nullopt;
    return found->second;
  }
  void store_subscriptions(const iothub::Identity& identity,
                           std::optional<SubscriptionSet> subscriptions) override {
    if (subscriptions) {
      stored[identity.client_id()] = *subscriptions;
    } else {
      stored.erase(identity.client_id());
    }
  }

  std::map<std::string, Principal> members;  // by client id
  std::optional<Error> refuse_with;
  std::vector<std::string> tokens;  // of each authenticate()
  std::vector<std::string> hosts;
  std::map<std::string, Channels> channels;  // by client id
  std::vector<Appended> records;
  std::vector<std::pair<TwinRequest, Token>> twins;
  std::vector<std::string> twin_of;
  std::vector<std::pair<std::uint64_t, Result<MethodReply>>> method_answers;
  std::vector<Token> asked_messages;
  std::vector<Settled> settled;
  std::map<std::string, SubscriptionSet> stored;
  int attached = 0;
};

inline Principal member(std::string_view device, std::string_view module_id, UnixMillis expires_ms,
                        AuthMethod method = AuthMethod::attested) {
  const auto hub = *iothub::HubName::parse("plant-1");
  return {.hub = hub,
          .tenant = *TenantId::parse("acme"),
          .identity = iothub::Identity::make(hub, device, module_id),
          .rights = static_cast<Rights>(Right::device_connect),
          .method = method,
          .generation_id = "7",
          .expires_ms = expires_ms};
}

}  // namespace pavise::hub::testing
