// Topic names and filters (MQTT 3.1.1 section 4.7) and UTF-8 strings (section 1.5.3).
#pragma once

#include <string_view>

namespace pavise::mqtt {

// A string field holds at most this many bytes (section 1.5.3).
inline constexpr std::size_t kStringSizeMax = 65'535;

// Well-formed UTF-8 without U+0000, surrogates or overlong forms [MQTT-1.5.3-1], [MQTT-1.5.3-2].
bool is_valid_utf8(std::string_view text);

// At least one character, no wildcard [MQTT-3.3.2-2], [MQTT-4.7.3-1]. Presumes valid UTF-8.
bool is_valid_topic_name(std::string_view topic);

// '#' only alone in the last level, '+' only alone in a level [MQTT-4.7.1-2], [MQTT-4.7.1-3].
bool is_valid_topic_filter(std::string_view filter);

// Both arguments presumed valid. A filter that starts with a wildcard does not match a topic that
// starts with '$' [MQTT-4.7.2-1].
bool matches(std::string_view filter, std::string_view topic);

}  // namespace pavise::mqtt
