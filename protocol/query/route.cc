#include "protocol/query/route.h"

#include <algorithm>

#include "protocol/query/internal.h"

namespace pavise::query {
namespace {

const NamedText* named(std::span<const NamedText> properties, std::string_view name) {
  const auto found = std::ranges::find_if(
      properties, [&](const NamedText& property) { return equal_folded(property.name, name); });
  return found == properties.end() ? nullptr : &*found;
}

// "application/json", also with parameters.
bool is_json_type(std::string_view type) {
  std::string_view essence = type.substr(0, type.find(';'));
  while (essence.ends_with(' ')) essence.remove_suffix(1);
  return equal_folded(essence, "application/json");
}

}  // namespace

class RouteInput::Parts final : public Scope {
 public:
  explicit Parts(const RouteMessage& message) : message_(message) {}

  Value value_of(const Path& path) const override {
    const auto& first = std::get<std::string>(path.front());
    if (equal_folded(first, "$body")) return inside(body(), path);
    if (equal_folded(first, "$twin"))
      return inside(message_.twin == nullptr ? nullptr : &message_.twin->impl().root, path);
    // Properties have one name each; a dot may be part of it.
    std::string name = first;
    for (std::size_t i = 1; i < path.size(); ++i) {
      const auto* part = std::get_if<std::string>(&path[i]);
      if (part == nullptr) return Undefined{};
      name.append(".").append(*part);
    }
    const NamedText* found = nullptr;
    if (name.starts_with('$')) found = named(message_.system, std::string_view(name).substr(1));
    if (found == nullptr) found = named(message_.application, name);
    return found == nullptr ? Value(Undefined{}) : Value(found->value);
  }

 private:
  // The whole of a body or twin cannot be asked for, only what is in it.
  static Value inside(const json::value* root, const Path& path) {
    if (root == nullptr || path.size() < 2 || !std::holds_alternative<std::string>(path[1]))
      return Undefined{};
    return to_value(find(*root, path, 1));
  }

  const json::value* body() const {
    if (!body_read_) {
      body_read_ = true;
      const NamedText* type = named(message_.system, "contentType");
      const NamedText* encoding = named(message_.system, "contentEncoding");
      if (type != nullptr && is_json_type(type->value) && encoding != nullptr &&
          equal_folded(encoding->value, "utf-8"))
        if (auto parsed = Document::parse(message_.body)) body_ = *std::move(parsed);
    }
    return body_ ? &body_->impl().root : nullptr;
  }

  RouteMessage message_;
  mutable bool body_read_ = false;
  mutable std::optional<Document> body_;
};

RouteInput::RouteInput(const RouteMessage& message) : parts_(std::make_unique<Parts>(message)) {}
RouteInput::RouteInput(RouteInput&&) noexcept = default;
RouteInput& RouteInput::operator=(RouteInput&&) noexcept = default;
RouteInput::~RouteInput() = default;

RouteVerdict RouteInput::evaluate(const Condition& condition) const {
  const Value value = query::evaluate(condition.impl().node, *parts_);
  if (is_true(value)) return RouteVerdict::matches;
  const bool undefined =
      std::holds_alternative<Undefined>(value) || std::holds_alternative<std::nullptr_t>(value);
  return undefined ? RouteVerdict::undefined : RouteVerdict::does_not_match;
}

}  // namespace pavise::query
