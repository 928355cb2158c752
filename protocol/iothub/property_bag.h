// Message properties in a topic: "name=value&name=value", both percent-encoded (reference A3).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "protocol/iothub/errors.h"

namespace pavise::iothub {

inline constexpr std::size_t kPropertiesMax = 100;
inline constexpr std::size_t kPropertyBagSizeMax = 16UL * 1024;  // encoded bytes

struct Property {
  std::string name;       // decoded; system properties start with "$."
  std::string value;      // decoded
  bool has_value = true;  // false for a name without '='

  bool operator==(const Property&) const = default;
};

// In the order of the topic. An empty bag has no properties.
class PropertyBag {
 public:
  // A leading '?' (java) and a trailing '/' (node's module outputs) are accepted.
  // kTooManyProperties, kPropertiesTooLarge, kBadPropertyKey, kBadEscape.
  static Result<PropertyBag> parse(std::string_view text);

  PropertyBag() = default;
  void add(std::string_view name, std::string_view value);
  void add_name(std::string_view name);  // without a value
  // First property of that name; nullptr if there is none. System names with their "$.".
  const Property* find(std::string_view name) const;
  const std::vector<Property>& all() const { return properties_; }

  // '$' becomes %24, so that clients which look for the literal prefix find it (reference 0.5).
  std::string encode() const;

 private:
  std::vector<Property> properties_;
};

}  // namespace pavise::iothub
