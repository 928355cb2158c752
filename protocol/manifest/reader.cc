#include "protocol/manifest/reader.h"

#include <algorithm>

#include "protocol/manifest/manifest.h"

namespace pavise::manifest::internal {
namespace {

constexpr std::size_t kShownNameMax = 64;

// A name from the text goes into messages only when it cannot disturb them.
std::string shown(std::string_view name) {
  const bool harmless =
      !name.empty() && name.size() <= kShownNameMax && std::ranges::all_of(name, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '_' || c == '-' || c == '$';
      });
  return harmless ? std::string(name) : "?";
}

}  // namespace

void Problem::set(const ErrorInfo& info, std::string_view pointer, std::string_view reason) {
  if (error_) return;
  error_.emplace(info,
                 std::string(pointer.empty() ? "the text" : pointer) + ": " + std::string(reason));
}

std::string Node::text() const {
  const auto out = view_.string();
  if (view_.kind() != json::JsonView::Kind::string)
    fail(kWrongType, "a string is wanted");
  else if (!out)
    fail(kBadText, "half a surrogate pair is no character");
  return out.value_or(std::string());
}

bool Node::boolean() const {
  if (view_.kind() != json::JsonView::Kind::boolean) fail(kWrongType, "true or false is wanted");
  return view_.text() == "true";
}

std::uint32_t Node::number(Range range) const {
  if (view_.kind() != json::JsonView::Kind::number) {
    fail(kWrongType, "a whole number is wanted");
    return range.min;
  }
  const auto value = view_.integer();
  if (!value || *value < range.min || *value > range.max) {
    fail(kOutOfRange, "from " + std::to_string(range.min) + " to " + std::to_string(range.max));
    return range.min;
  }
  return static_cast<std::uint32_t>(*value);
}

std::vector<Node> Node::elements(std::size_t count_max) const {
  std::vector<Node> out;
  if (view_.kind() != json::JsonView::Kind::array) {
    fail(kWrongType, "a list is wanted");
    return out;
  }
  json::JsonWalk walk(view_);
  while (const auto step = walk.next()) {
    if (out.size() == count_max) {
      fail(kTooMany, "at most " + std::to_string(count_max));
      return {};
    }
    out.emplace_back(step->value, pointer_ + "/" + std::to_string(out.size()), *problem_);
  }
  return out;
}

ObjectReader::ObjectReader(const Node& node) : node_(node) {
  if (node.view().kind() != json::JsonView::Kind::object) {
    node.fail(kWrongType, "an object is wanted");
    return;
  }
  json::JsonWalk walk(node.view());
  while (const auto step = walk.next()) {
    if (members_.size() == kMembersMax) {
      node.fail(kUnknownMember, "an object has at most " + std::to_string(kMembersMax));
      return;
    }
    if (std::ranges::find(members_, step->name, &Member::name) != members_.end())
      node.problem().set(kRepeatedMember, node.pointer() + "/" + shown(step->name),
                         "it was there before");
    members_.push_back({step->name, step->value});
  }
}

std::optional<Node> ObjectReader::optional(std::string_view name) {
  const auto found = std::ranges::find(members_, name, &Member::name);
  if (found == members_.end()) return std::nullopt;
  found->asked = true;
  return Node(found->value, node_.pointer() + "/" + std::string(name), node_.problem());
}

std::optional<Node> ObjectReader::required(std::string_view name) {
  auto out = optional(name);
  if (!out)
    node_.problem().set(kMissingMember, node_.pointer() + "/" + std::string(name), "absent");
  return out;
}

void ObjectReader::finish() const {
  for (const Member& member : members_)
    if (!member.asked)
      return node_.problem().set(kUnknownMember, node_.pointer() + "/" + shown(member.name),
                                 "not known here");
}

}  // namespace pavise::manifest::internal
