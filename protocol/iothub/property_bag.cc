#include "protocol/iothub/property_bag.h"

#include "protocol/iothub/percent.h"

namespace pavise::iothub {

Result<PropertyBag> PropertyBag::parse(std::string_view text) {
  if (text.size() > kPropertyBagSizeMax) return kPropertiesTooLarge;
  if (text.starts_with('?')) text.remove_prefix(1);
  if (text.ends_with('/')) text.remove_suffix(1);
  PropertyBag out;
  while (!text.empty()) {
    if (out.properties_.size() == kPropertiesMax) return kTooManyProperties;
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    const std::size_t equals = pair.find('=');
    Property property;
    PAVISE_TRY_ASSIGN(property.name, percent_decode(pair.substr(0, equals)));
    if (property.name.empty()) return kBadPropertyKey;
    property.has_value = equals != std::string_view::npos;
    if (property.has_value) {
      PAVISE_TRY_ASSIGN(property.value, percent_decode(pair.substr(equals + 1)));
    }
    out.properties_.push_back(std::move(property));
  }
  return out;
}

void PropertyBag::add(std::string_view name, std::string_view value) {
  properties_.push_back({std::string(name), std::string(value), true});
}

void PropertyBag::add_name(std::string_view name) {
  properties_.push_back({std::string(name), {}, false});
}

const Property* PropertyBag::find(std::string_view name) const {
  for (const Property& property : properties_)
    if (property.name == name) return &property;
  return nullptr;
}

std::string PropertyBag::encode() const {
  std::string out;
  for (const Property& property : properties_) {
    if (!out.empty()) out.push_back('&');
    out.append(percent_encode(property.name));
    if (property.has_value) out.append("=").append(percent_encode(property.value));
  }
  return out;
}

}  // namespace pavise::iothub
