#include "cli/view/text.h"

#include <algorithm>

namespace pavise::cli {
namespace {

// Columns on the terminal: code points, which is right for all that we print ourselves.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string padding(std::string_view text, std::size_t width) {
  return std::string(width - std::min(width, width_of(text)), ' ');
}

std::string_view escape_of(Mood mood) {
  switch (mood) {
    case Mood::good:
      return "\x1b[32m";
    case Mood::bad:
      return "\x1b[31m";
    case Mood::faint:
      return "\x1b[2m";
    case Mood::plain:
      break;
  }
  return "";
}

}  // namespace

std::string safe_text(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are control characters, too: C2 80 to C2 9F in UTF-8.
    const bool c1 =
        c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c < 0x20 || c == 0x7f || c1) {
      out.push_back(c == '\n' || c == '\t' ? ' ' : '?');
      if (c1) ++i;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::string coloured(const Cell& cell, bool colour) {
  if (!colour || cell.mood == Mood::plain) return cell.text;
  return std::string(escape_of(cell.mood)) + cell.text + "\x1b[0m";
}

std::string Table::text(bool colour) const {
  std::vector<std::size_t> widths;
  widths.reserve(header_.size());
  for (const std::string& name : header_) widths.push_back(width_of(name));
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i].text));
  std::string out;
  const auto add_line = [&](const std::vector<Cell>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += coloured(row[i], colour);
      if (i + 1 < row.size()) line += padding(row[i].text, widths[i]) + "  ";
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  };
  add_line({header_.begin(), header_.end()});
  for (const auto& row : rows_) add_line(row);
  return out;
}

std::string Facts::text(bool colour) const {
  std::size_t width = 0;
  for (const auto& [name, value] : rows_) width = std::max(width, width_of(name));
  std::string out;
  for (const auto& [name, value] : rows_) {
    const std::string line = name + padding(name, width) + "  " + coloured(value, colour);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string short_id(std::string_view id) {
  return std::string(id.substr(0, 12));
}

}  // namespace pavise::cli
