#include "protocol/twin/twin.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "common/base/bytes.h"
#include "common/base/time_text.h"
#include "common/json/exact_json.h"

namespace pavise::twin {
namespace {

namespace json = boost::json;

constexpr std::string_view kVersionKey = "$version";
constexpr std::string_view kMetadataKey = "$metadata";
constexpr std::string_view kConfigurations = "configurations";
constexpr std::string_view kConfigured = "configured";
// Two levels of JSON for each level of properties, and the document around them.
constexpr std::size_t kStoreDepthMax = 2 * kDepthMax + 4;
constexpr std::size_t kNumberSize = 8;
constexpr std::size_t kBooleanSize = 4;

// A number beyond the range of double is read as infinite, for which JSON has no text.
bool is_finite(const json::value& value) {
  switch (value.kind()) {
    case json::kind::object:
      return std::ranges::all_of(value.get_object(),
                                 [](const auto& member) { return is_finite(member.value()); });
    case json::kind::array:
      return std::ranges::all_of(value.get_array(), is_finite);
    case json::kind::double_:
      return std::isfinite(value.get_double());
    default:
      return true;
  }
}

// kTooDeep, kBadJson, kNotAnObject, kNumberTooLarge.
Result<json::object> parse_object(std::string_view text, std::size_t depth_max) {
  boost::system::error_code failed;
  json::value value = parse_exactly(text, depth_max, failed);
  if (failed == json::error::too_deep) return kTooDeep;
  if (failed) return Error(kBadJson, failed.message());
  if (!value.is_object()) return kNotAnObject;
  if (!is_finite(value)) return kNumberTooLarge;
  return std::move(value.as_object());
}

Status check_key(std::string_view key) {
  if (key.empty() || key.size() > kKeySizeMax) return kBadKey;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto c = static_cast<unsigned char>(key[i]);
    if (c < 0x20 || c == 0x7F || c == '.' || c == '$' || c == ' ') return kBadKey;
    // U+0080 to U+009F, the C1 controls, are C2 80 to C2 9F in UTF-8.
    if (c == 0xC2 && i + 1 < key.size() && static_cast<unsigned char>(key[i + 1]) < 0xA0)
      return kBadKey;
  }
  return {};
}

Status check_value(const json::value& value, std::size_t depth);

Status check_object(const json::object& object, std::size_t depth) {
  if (depth > kDepthMax) return kTooDeep;
  for (const auto& member : object) {
    PAVISE_TRY(check_key(member.key()));
    PAVISE_TRY(check_value(member.value(), depth));
  }
  return {};
}

Status check_value(const json::value& value, std::size_t depth) {
  switch (value.kind()) {
    case json::kind::object:
      return check_object(value.get_object(), depth + 1);
    case json::kind::array:
      if (depth + 1 > kDepthMax) return kTooDeep;
      for (const auto& item : value.get_array()) PAVISE_TRY(check_value(item, depth + 1));
      return {};
    case json::kind::string:
      if (value.get_string().size() > kStringSizeMax) return kStringTooLong;
      return {};
    case json::kind::int64:
      if (value.get_int64() > kIntegerMax || value.get_int64() < -kIntegerMax)
        return kNumberTooLarge;
      return {};
    case json::kind::uint64:  // only used above the range of int64
      return kNumberTooLarge;
    default:
      return {};
  }
}

std::size_t size_of(const json::value& value) {
  std::size_t size = 0;
  switch (value.kind()) {
    case json::kind::object:
      for (const auto& member : value.get_object())
        size += member.key().size() + size_of(member.value());
      return size;
    case json::kind::array:
      for (const auto& item : value.get_array()) size += size_of(item);
      return size;
    case json::kind::string:
      return value.get_string().size();
    case json::kind::bool_:
      return kBooleanSize;
    case json::kind::null:
      return 0;
    default:
      return kNumberSize;
  }
}

std::size_t size_of(const json::object& object) {
  std::size_t size = 0;
  for (const auto& member : object) size += member.key().size() + size_of(member.value());
  return size;
}

bool fits(const json::object& object, std::size_t size_max, std::size_t text_max) {
  return size_of(object) <= size_max && json::serialize(object).size() <= text_max;
}

Result<json::object> parse_patch(std::string_view text) {
  if (text.size() > kPatchTextMax) return kPatchTooLarge;
  PAVISE_TRY_ASSIGN(json::object patch, parse_object(text, kDepthMax + 1));
  PAVISE_TRY(check_object(patch, 1));
  return patch;
}

// RFC 7396 section 2. Depth is bounded by kDepthMax on both sides.
void merge_into(json::object& target, const json::object& patch) {
  for (const auto& member : patch) {
    if (member.value().is_null()) {
      target.erase(member.key());
      continue;
    }
    if (!member.value().is_object()) {
      target.insert_or_assign(member.key(), member.value());
      continue;
    }
    json::value& slot = target[member.key()];
    if (!slot.is_object()) slot.emplace_object();
    merge_into(slot.get_object(), member.value().get_object());
  }
}

// ---- metadata

// When and at which version a property was written, and the same of what is inside it:
// [ms, version] or [ms, version, {name: ...}]. Kept beside the properties, not among them.
json::value written(UnixMillis now_ms, std::uint64_t version) {
  return json::array{now_ms, version};
}

bool is_mark(const json::value& mark) {
  if (!mark.is_array()) return false;
  const json::array& parts = mark.get_array();
  if (parts.size() < 2 || parts.size() > 3) return false;
  if (!parts[0].is_int64() || !parts[1].is_int64() || parts[1].get_int64() < 0) return false;
  if (parts.size() == 2) return true;
  if (!parts[2].is_object()) return false;
  for (const auto& member : parts[2].get_object())
    if (!is_mark(member.value())) return false;  // depth is bounded by kStoreDepthMax
  return true;
}

json::object& inside(json::value& mark) {
  json::array& parts = mark.get_array();
  if (parts.size() == 2) parts.push_back(json::object());
  return parts[2].get_object();
}

// Follows merge_into() of the same patch.
void mark_written(json::value& mark, const json::object& patch, UnixMillis now_ms,
                  std::uint64_t version) {
  mark.get_array()[0] = now_ms;
  mark.get_array()[1] = version;
  for (const auto& member : patch) {
    json::object& marks = inside(mark);
    if (member.value().is_null()) {
      marks.erase(member.key());
    } else if (!member.value().is_object()) {
      marks.insert_or_assign(member.key(), written(now_ms, version));
    } else {
      json::value& slot = marks[member.key()];
      if (!slot.is_array()) slot = written(now_ms, version);
      mark_written(slot, member.value().get_object(), now_ms, version);
    }
  }
}

json::object metadata(const json::object& properties, const json::value* mark) {
  const bool known = mark != nullptr && mark->is_array();
  const json::array* parts = known ? &mark->get_array() : nullptr;
  json::object out;
  out["$lastUpdated"] = utc_text(known ? (*parts)[0].get_int64() : 0);
  out["$lastUpdatedVersion"] = known ? (*parts)[1] : json::value(1);
  const json::object* marks = known && parts->size() == 3 ? &(*parts)[2].get_object() : nullptr;
  static const json::object kNone;
  for (const auto& member : properties) {
    const json::value& value = member.value();
    const json::value* its = marks != nullptr ? marks->if_contains(member.key()) : nullptr;
    out[member.key()] = metadata(value.is_object() ? value.get_object() : kNone, its);
  }
  return out;
}

struct SectionState {
  json::object properties;
  std::uint64_t version = 1;
  json::value mark = written(0, 1);

  json::object with_version() const {
    json::object out = properties;
    out[kVersionKey] = version;
    return out;
  }
  // Applies a checked patch, or says why its result is too large.
  Status write(const json::object& patch, ChangeKind kind, UnixMillis now_ms) {
    const bool merge = kind == ChangeKind::merge;
    json::object next = merge ? properties : json::object();
    merge_into(next, patch);  // also drops nulls
    if (!fits(next, kSectionSizeMax, kSectionTextMax)) return kSectionTooLarge;
    properties = std::move(next);
    ++version;
    if (!merge) mark = written(now_ms, version);
    mark_written(mark, patch, now_ms, version);
    return {};
  }
};

// Takes its parts out of the document.
std::optional<SectionState> section_from(json::object& document, std::string_view name) {
  json::value* found = document.if_contains(name);
  if (found == nullptr || !found->is_object()) return std::nullopt;
  SectionState out;
  out.properties = std::move(found->get_object());
  const json::value* version = out.properties.if_contains(kVersionKey);
  if (version == nullptr || !version->is_int64() || version->get_int64() < 1) return std::nullopt;
  out.version = static_cast<std::uint64_t>(version->get_int64());
  out.properties.erase(kVersionKey);
  if (json::value* marks = document.if_contains("marks")) {
    json::value* mark = marks->is_object() ? marks->get_object().if_contains(name) : nullptr;
    if (mark == nullptr || !is_mark(*mark)) return std::nullopt;
    out.mark = std::move(*mark);
  }
  return out;
}

// A counter of a stored document, or what it was before there were such counters.
std::optional<std::uint64_t> counter_from(const json::object& document, std::string_view name,
                                          std::uint64_t otherwise) {
  const json::value* found = document.if_contains(name);
  if (found == nullptr) return otherwise;
  if (!found->is_int64() || found->get_int64() < 1) return std::nullopt;
  return static_cast<std::uint64_t>(found->get_int64());
}

// A part of a service's change; nullptr: not named. Without what the hub itself adds.
Result<json::object*> part_of(json::object& parent, std::string_view name) {
  json::value* found = parent.if_contains(name);
  if (found == nullptr || found->is_null()) return static_cast<json::object*>(nullptr);
  if (!found->is_object()) return Error(kNotAnObject, std::string(name));
  json::object& part = found->get_object();
  part.erase(kVersionKey);
  part.erase(kMetadataKey);
  return &part;
}

// Names each member of what a merge clears as a whole. False: it does not.
bool spell_out(json::object* parent, std::string_view name, const json::object& current) {
  json::value* const found = parent == nullptr ? nullptr : parent->if_contains(name);
  if (found == nullptr || !found->is_null()) return false;
  json::object& members = found->emplace_object();
  for (const auto& member : current) members[member.key()] = nullptr;
  return true;
}

std::string notification(json::object patch, std::uint64_t version) {
  patch[kVersionKey] = version;
  return json::serialize(patch);
}

}  // namespace

struct Twin::State {
  SectionState desired;
  SectionState reported;
  json::object tags;
  std::uint64_t version = 1;
  std::uint64_t etag = 1;
  json::object configurations = {};
  json::object configured = {};
  SectionState& at(Section section) { return section == Section::desired ? desired : reported; }
};

Twin::Twin() : state_(std::make_unique<State>()) {}
Twin::Twin(std::unique_ptr<State> state) : state_(std::move(state)) {}
Twin::Twin(Twin&& other) noexcept = default;
Twin& Twin::operator=(Twin&& other) noexcept = default;
Twin::~Twin() = default;

Result<Twin> Twin::from_store(std::string_view text) {
  auto document = parse_object(text, kStoreDepthMax);
  if (!document) return kCorruptTwin;
  auto desired = section_from(*document, "desired");
  auto reported = section_from(*document, "reported");
  if (!desired || !reported) return kCorruptTwin;
  auto state = std::make_unique<State>(State{*std::move(desired), *std::move(reported), {}});
  if (json::value* tags = document->if_contains("tags")) {
    if (!tags->is_object()) return kCorruptTwin;
    state->tags = std::move(tags->get_object());
  }
  const std::uint64_t written = state->desired.version;
  const auto version = counter_from(*document, "version", written + state->reported.version - 1);
  const auto etag = counter_from(*document, "etag", written);
  if (!version || !etag) return kCorruptTwin;
  state->version = *version;
  state->etag = *etag;
  for (const auto& [name, note] : {std::pair{kConfigurations, &state->configurations},
                                   std::pair{kConfigured, &state->configured}})
    if (json::value* found = document->if_contains(name)) {
      if (!found->is_object()) return kCorruptTwin;
      *note = std::move(found->get_object());
    }
  return Twin(std::move(state));
}

Status Twin::write(Section section, std::string_view json_text, ChangeKind kind, UnixMillis now_ms,
                   std::optional<std::uint64_t> if_version) {
  SectionState& state = state_->at(section);
  if (if_version && *if_version != state.version) return kVersionMismatch;
  PAVISE_TRY_ASSIGN(const json::object patch, parse_patch(json_text));
  PAVISE_TRY(state.write(patch, kind, now_ms));
  ++state_->version;
  if (section == Section::desired) ++state_->etag;
  return {};
}

Status Twin::merge(Section section, std::string_view patch_json, UnixMillis now_ms,
                   std::optional<std::uint64_t> if_version) {
  return write(section, patch_json, ChangeKind::merge, now_ms, if_version);
}

Status Twin::replace(Section section, std::string_view text, UnixMillis now_ms,
                     std::optional<std::uint64_t> if_version) {
  return write(section, text, ChangeKind::replace, now_ms, if_version);
}

Result<Change> Twin::change(std::string_view body_json, ChangeKind kind, UnixMillis now_ms) {
  if (body_json.size() > kChangeTextMax) return kPatchTooLarge;
  // Deep enough for $metadata, which clients send back.
  PAVISE_TRY_ASSIGN(json::object body, parse_object(body_json, kStoreDepthMax));
  bool spelled = false;
  const bool merges = kind == ChangeKind::merge;
  if (merges) spelled = spell_out(&body, "tags", state_->tags);
  PAVISE_TRY_ASSIGN(json::object* const tags, part_of(body, "tags"));
  PAVISE_TRY_ASSIGN(json::object* const properties, part_of(body, "properties"));
  if (merges) spelled |= spell_out(properties, "desired", state_->desired.properties);
  json::object* desired = nullptr;
  if (properties != nullptr) {
    PAVISE_TRY_ASSIGN(desired, part_of(*properties, "desired"));
  }

  json::object next_tags = merges ? state_->tags : json::object();
  if (tags != nullptr) {
    PAVISE_TRY(check_object(*tags, 1));
    merge_into(next_tags, *tags);
    if (!fits(next_tags, kTagsSizeMax, kTagsTextMax)) return kTagsTooLarge;
  }
  Change out{tags != nullptr, desired != nullptr};
  if (spelled) out.spelled_out = json::serialize(body);
  if (desired != nullptr) {
    PAVISE_TRY(check_object(*desired, 1));
    PAVISE_TRY(state_->desired.write(*desired, kind, now_ms));
    out.desired_notification = notification(std::move(*desired), state_->desired.version);
  }
  if (tags != nullptr) state_->tags = std::move(next_tags);
  if (out.tags || out.desired) {
    ++state_->version;
    ++state_->etag;
  }
  return out;
}

Result<Change> Twin::configure(std::string_view desired_patch, std::string_view configurations_json,
                               std::string_view configured_json, UnixMillis now_ms) {
  PAVISE_TRY_ASSIGN(json::object configurations, parse_object(configurations_json, kStoreDepthMax));
  PAVISE_TRY_ASSIGN(json::object configured, parse_object(configured_json, kStoreDepthMax));
  Change out;
  if (!desired_patch.empty()) {
    PAVISE_TRY_ASSIGN(json::object patch, parse_patch(desired_patch));
    PAVISE_TRY(state_->desired.write(patch, ChangeKind::merge, now_ms));
    out.desired = true;
    out.desired_notification = notification(std::move(patch), state_->desired.version);
    ++state_->version;
    ++state_->etag;
  }
  state_->configurations = std::move(configurations);
  state_->configured = std::move(configured);
  return out;
}

std::string Twin::configurations_json() const {
  return json::serialize(state_->configurations);
}

std::string Twin::configured_json() const {
  return json::serialize(state_->configured);
}

std::uint64_t Twin::version(Section section) const {
  return state_->at(section).version;
}

std::string Twin::section_json(Section section) const {
  return json::serialize(state_->at(section).properties);
}

std::string Twin::device_json() const {
  json::object out;
  out["desired"] = state_->desired.with_version();
  out["reported"] = state_->reported.with_version();
  return json::serialize(out);
}

std::uint64_t Twin::document_version() const {
  return state_->version;
}

std::string Twin::etag() const {
  return to_base64(ByteWriter().be(state_->etag).bytes());
}

std::string Twin::tags_json() const {
  return json::serialize(state_->tags);
}

std::string Twin::service_section_json(Section section) const {
  const SectionState& state = state_->at(section);
  json::object out = state.properties;
  out[kMetadataKey] = metadata(state.properties, &state.mark);
  out[kVersionKey] = state.version;
  return json::serialize(out);
}

std::string Twin::store_text() const {
  json::object out;
  out["desired"] = state_->desired.with_version();
  out["reported"] = state_->reported.with_version();
  out["tags"] = state_->tags;
  out["version"] = state_->version;
  out["etag"] = state_->etag;
  out["marks"] =
      json::object{{"desired", state_->desired.mark}, {"reported", state_->reported.mark}};
  if (!state_->configurations.empty()) out[kConfigurations] = state_->configurations;
  if (!state_->configured.empty()) out[kConfigured] = state_->configured;
  return json::serialize(out);
}

Result<std::string> desired_notification(std::string_view patch_json, std::uint64_t version) {
  if (patch_json.size() > kPatchTextMax) return kPatchTooLarge;
  PAVISE_TRY_ASSIGN(json::object patch, parse_object(patch_json, kDepthMax + 1));
  return notification(std::move(patch), version);
}

std::string error_body(int error_code, std::string_view message) {
  json::object out;
  out["errorCode"] = error_code;
  out["message"] = message;
  return json::serialize(out);
}

}  // namespace pavise::twin
