#include "tools/pcr_policy/options.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace pavise::tools::pcr_policy {
namespace {

using pavise::pcr_policy::kPcrCount;
using pavise::pcr_policy::PcrValues;

Status add_pcr(PcrValues& state, std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return Error(kUsage, "--pcr wants N=HEX");
  unsigned pcr = 0;
  const char* const number_end = text.data() + equals;
  const auto [end, error] = std::from_chars(text.data(), number_end, pcr);
  if (error != std::errc{} || end != number_end || pcr >= kPcrCount)
    return Error(kUsage, "PCR number in " + std::string(text));
  const auto digest = from_hex(text.substr(equals + 1));
  Digest256 value{};
  if (!digest || digest->size() != value.size())
    return Error(kUsage, "a PCR value has 64 hex digits");
  std::ranges::copy(*digest, value.begin());
  if (!state.emplace(pcr, value).second)
    return Error(kUsage, "PCR " + std::to_string(pcr) + " given twice");
  return {};
}

}  // namespace

Result<Options> parse_options(std::span<const char* const> arguments) {
  Options out;
  out.states.emplace_back();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--or") {
      if (out.states.back().empty()) return Error(kUsage, "--or before any --pcr");
      out.states.emplace_back();
      continue;
    }
    if (i + 1 == arguments.size()) return Error(kUsage, std::string(name));
    const std::string_view value = arguments[++i];
    if (name == "--key") {
      out.key_path = value;
    } else if (name == "--out") {
      out.out_path = value;
    } else if (name == "--pcr") {
      PAVISE_TRY(add_pcr(out.states.back(), value));
    } else {
      return Error(kUsage, std::string(name));
    }
  }
  if (out.key_path.empty()) return Error(kUsage, "--key is missing");
  if (out.out_path.empty()) return Error(kUsage, "--out is missing");
  if (out.states.back().empty()) return Error(kUsage, "--pcr is missing");
  return out;
}

}  // namespace pavise::tools::pcr_policy
