#include "bench/box/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace pavise::bench {
namespace {

// "17,204", "83.3", "0.33"
std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value < 1 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
  std::string out = text;
  if (value < 1'000) return out;
  for (auto at = static_cast<std::ptrdiff_t>(out.size()) - 3; at > 0; at -= 3)
    out.insert(static_cast<std::size_t>(at), ",");
  return out;
}

std::vector<std::string> cells(const Row& row) {
  const double rate = row.count / row.wall_s;
  const double cpu_s = row.server_cpu_s / row.count;
  return {row.what,
          number(rate),
          number(cpu_s * 1e6),
          number(1 / cpu_s),
          number(row.limits.s1),
          number(row.limits.s2),
          number(row.limits.s3),
          number(rate / row.limits.s3),
          number(1 / cpu_s / row.limits.s3),
          row.note};
}

}  // namespace

void print_table(const std::vector<Row>& rows, bool as_markdown) {
  std::vector<std::vector<std::string>> lines = {{"What", "Measured/s", "Server CPU µs",
                                                  "Per server core/s", "S1", "S2", "S3", "× S3",
                                                  "Core × S3", "Note"}};
  for (const Row& row : rows) lines.push_back(cells(row));
  std::vector<std::size_t> widths(lines[0].size());
  // "µ" and "×" are one column of the screen each.
  const auto width = [](const std::string& text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
  };
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  const char* const edge = as_markdown ? "| " : "";
  const char* const between = as_markdown ? " | " : "  ";
  for (std::size_t at = 0; at < lines.size(); ++at) {
    std::string text = edge;
    for (std::size_t i = 0; i < lines[at].size(); ++i) {
      if (i > 0) text += between;
      const bool is_last = i + 1 == lines[at].size();
      const bool is_text = i == 0 || is_last;
      const std::string padding(is_last ? 0 : widths[i] - width(lines[at][i]), ' ');
      text += is_text ? lines[at][i] + padding : padding + lines[at][i];
    }
    std::printf("%s%s\n", text.c_str(), as_markdown ? " |" : "");
    if (!as_markdown || at > 0) continue;
    for (std::size_t i = 0; i < widths.size(); ++i) std::printf("|---");
    std::printf("|\n");
  }
}

}  // namespace pavise::bench
