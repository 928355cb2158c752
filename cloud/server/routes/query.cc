#include "cloud/server/routes/query.h"

#include <algorithm>
#include <charconv>

#include "cloud/server/routes/errors.h"
#include "common/base/bytes.h"

namespace pavise::server {
namespace {

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const auto byte = from_hex(text.substr(i + 1, 2));
      if (!byte || byte->size() != 1) return std::nullopt;
      c = static_cast<char>(byte->front());
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out.push_back(c);
  }
  return out;
}

}  // namespace

Result<Query> Query::parse(std::string_view text, std::span<const std::string_view> known) {
  Query query;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return Error(kBadQuery, "a parameter without '='");
    const std::string_view name = pair.substr(0, equals);
    if (std::ranges::find(known, name) == known.end())
      return Error(kBadQuery, "unknown parameter " + std::string(name.substr(0, 32)));
    auto value = percent_decoded(pair.substr(equals + 1));
    if (!value) return Error(kBadQuery, std::string(name) + ": broken escape");
    if (!query.values_.emplace(name, *std::move(value)).second)
      return Error(kBadQuery, std::string(name) + " is given twice");
    if (query.values_.size() > kQueryParametersMax) return Error(kBadQuery, "too many parameters");
  }
  return query;
}

std::optional<std::string> Query::text(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

Result<std::uint64_t> Query::number(std::string_view name, std::uint64_t least, std::uint64_t most,
                                    std::uint64_t otherwise) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return otherwise;
  const std::string& value = found->second;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < least || number > most)
    return Error(kBadQuery, std::string(name) + ": a number from " + std::to_string(least) +
                                " to " + std::to_string(most));
  return number;
}

}  // namespace pavise::server
