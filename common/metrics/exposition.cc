#include "common/metrics/exposition.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace pavise::metrics {
namespace {

constexpr std::string_view kTotal = "_total";

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

std::string number(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  std::array<char, 400> text{};  // also of the largest double
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
  return {text.data(), end};
}

// In HELP a quotation mark stands for itself in the text format, and is escaped in OpenMetrics.
std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || (quotes && c == '"')) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.front() >= 'a' && name.front() <= 'z' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

}  // namespace

std::string_view content_type(Format format) {
  return format == Format::text ? "text/plain; version=0.0.4; charset=utf-8"
                                : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

Format format_for(std::string_view accept) {
  constexpr std::string_view kOpenMetrics = "application/openmetrics-text";
  while (!accept.empty()) {
    const std::size_t comma = accept.find(',');
    std::string_view range = accept.substr(0, comma);
    accept = comma == std::string_view::npos ? std::string_view() : accept.substr(comma + 1);
    while (range.starts_with(' ')) range.remove_prefix(1);
    if (!range.starts_with(kOpenMetrics)) continue;
    const std::size_t q = range.find("q=");
    const std::string_view weight = q == std::string_view::npos ? "1" : range.substr(q + 2);
    if (weight.find_first_of("123456789") != std::string_view::npos) return Format::open_metrics;
  }
  return Format::text;
}

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  PAVISE_CHECK(is_name(name) && seen_.emplace(name).second);
  family_ = name;
  // OpenMetrics names the family without the suffix of its samples.
  std::string_view shown = name;
  if (format_ == Format::open_metrics && type == "counter") shown.remove_suffix(kTotal.size());
  out_.append("# HELP ").append(shown).append(" ");
  out_.append(escaped(help, format_ == Format::open_metrics));
  out_.append("\n# TYPE ").append(shown).append(" ").append(type).append("\n");
}

void Exposition::counter(std::string_view name, std::string_view help) {
  PAVISE_CHECK(name.ends_with(kTotal));
  family(name, "counter", help);
}

void Exposition::gauge(std::string_view name, std::string_view help) {
  PAVISE_CHECK(!name.ends_with(kTotal));
  family(name, "gauge", help);
}

void Exposition::histogram(std::string_view name, std::string_view help) {
  PAVISE_CHECK(!name.ends_with(kTotal));
  family(name, "histogram", help);
}

void Exposition::line(std::string_view suffix, Labels labels, std::string_view bound,
                      std::string_view value) {
  out_.append(family_).append(suffix);
  char before = '{';
  const auto put = [&](std::string_view name, std::string_view text) {
    out_.push_back(before);
    before = ',';
    out_.append(name).append("=\"").append(escaped(text, true)).push_back('"');
  };
  for (const auto& [name, text] : labels) {
    PAVISE_CHECK(is_name(name) && name != "le");
    put(name, text);
  }
  if (!bound.empty()) put("le", bound);
  if (before == ',') out_.push_back('}');
  out_.append(" ").append(value).append("\n");
}

void Exposition::sample(Labels labels, std::uint64_t value) {
  line("", labels, "", number(value));
}

void Exposition::sample(Labels labels, double value) {
  line("", labels, "", number(value));
}

void Exposition::sample(Labels labels, const HistogramCounts& counts, double divisor) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < counts.bounds.size(); ++i) {
    below += counts.counts[i];
    std::string bound = number(static_cast<double>(counts.bounds[i]) / divisor);
    // OpenMetrics wants a float.
    if (bound.find('.') == std::string::npos) bound += ".0";
    line("_bucket", labels, bound, number(below));
  }
  if (!counts.counts.empty()) below += counts.counts.back();
  line("_bucket", labels, "+Inf", number(below));
  line("_sum", labels, "", number(static_cast<double>(counts.sum) / divisor));
  line("_count", labels, "", number(below));
}

std::string Exposition::finish() && {
  if (format_ == Format::open_metrics) out_ += "# EOF\n";
  return std::move(out_);
}

}  // namespace pavise::metrics
