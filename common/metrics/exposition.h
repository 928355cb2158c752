// Metrics as text: https://prometheus.io/docs/instrumenting/exposition_formats/ version 0.0.4, and
// OpenMetrics 1.0 without units, exemplars and timestamps.
#pragma once

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "common/metrics/metrics.h"

namespace pavise::metrics {

enum class Format { text, open_metrics };

// The Content-Type of a format.
std::string_view content_type(Format format);
// The format for an Accept header: OpenMetrics if it is named and not refused, else text.
Format format_for(std::string_view accept);

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

class Exposition {
 public:
  explicit Exposition(Format format) : format_(format) {}

  // Each begins a family, once; its samples follow. Names are checked: a-z, 0-9 and '_', counters
  // end with _total, the others do not.
  void counter(std::string_view name, std::string_view help);
  void gauge(std::string_view name, std::string_view help);
  void histogram(std::string_view name, std::string_view help);

  void sample(Labels labels, std::uint64_t value);
  void sample(Labels labels, double value);
  // Of a histogram; bounds and sum are divided, by 1e6 for microseconds.
  void sample(Labels labels, const HistogramCounts& counts, double divisor);

  // A family with one sample.
  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    counter(name, help);
    sample({}, value);
  }
  void gauge(std::string_view name, std::string_view help, std::uint64_t value) {
    gauge(name, help);
    sample({}, value);
  }

  std::string finish() &&;

 private:
  void family(std::string_view name, std::string_view type, std::string_view help);
  void line(std::string_view suffix, Labels labels, std::string_view bound, std::string_view value);

  const Format format_;
  std::string family_;
  std::set<std::string, std::less<>> seen_;
  std::string out_;
};

}  // namespace pavise::metrics
