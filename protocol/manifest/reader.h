// Reads a checked JSON text strictly: each member is asked for once, the rest is refused. Internal
// to this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "protocol/json/json_view.h"
#include "protocol/manifest/errors.h"

namespace pavise::manifest::internal {

// The first thing that was wrong; after it every read yields an empty value, so that a caller reads
// all and asks once.
class Problem {
 public:
  void set(const ErrorInfo& info, std::string_view pointer, std::string_view reason);
  const std::optional<Error>& error() const { return error_; }

 private:
  std::optional<Error> error_;
};

struct Range {
  std::uint32_t min;
  std::uint32_t max;
};

// A value and its place.
class Node {
 public:
  Node(const json::JsonView& view, std::string pointer, Problem& problem)
      : view_(view), pointer_(std::move(pointer)), problem_(&problem) {}

  std::string text() const;
  bool boolean() const;
  std::uint32_t number(Range range) const;
  // Each element as a node; kTooMany beyond `count_max`.
  std::vector<Node> elements(std::size_t count_max) const;
  void fail(const ErrorInfo& info, std::string_view reason) const {
    problem_->set(info, pointer_, reason);
  }
  const json::JsonView& view() const { return view_; }
  const std::string& pointer() const { return pointer_; }
  Problem& problem() const { return *problem_; }

 private:
  json::JsonView view_;
  std::string pointer_;
  Problem* problem_;
};

class ObjectReader {
 public:
  // kWrongType if it is no object; kRepeatedMember.
  explicit ObjectReader(const Node& node);

  std::optional<Node> optional(std::string_view name);
  std::optional<Node> required(std::string_view name);  // kMissingMember
  // kUnknownMember for what nobody asked for.
  void finish() const;

 private:
  struct Member {
    std::string_view name;
    json::JsonView value;
    bool asked = false;
  };

  Node node_;
  std::vector<Member> members_;
};

}  // namespace pavise::manifest::internal
