// Conditions of message routes: evaluated over a message's system properties ($contentType), its
// application properties (by their names), its JSON body ($body.a.b) and the sender's twin
// ($twin.tags.a).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/result.h"
#include "protocol/query/query.h"

namespace pavise::query {

struct NamedText {
  std::string_view name;
  std::string_view value;
};

// Borrowed texts and documents.
struct RouteMessage {
  // By the names of the query language, without '$': contentType, contentEncoding,
  // connectionDeviceId, connectionModuleId, enqueuedTime, messageId, dt-subject, ...
  std::span<const NamedText> system;
  std::span<const NamedText> application;
  std::string_view body;
  const Document* twin = nullptr;  // of the sender; null: $twin is undefined
};

enum class RouteVerdict {
  matches,
  does_not_match,
  undefined,  // does not match either, and IoT Hub logs it: a property, the body or the twin is
              // missing
};

// One message for any number of routes: its body is parsed when the first condition asks for it.
// Not thread-safe. The message must outlive it.
class RouteInput {
 public:
  explicit RouteInput(const RouteMessage& message);
  RouteInput(RouteInput&&) noexcept;
  RouteInput& operator=(RouteInput&&) noexcept;
  ~RouteInput();

  RouteVerdict evaluate(const Condition& condition) const;

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace pavise::query
