// Text for people: tables, safe cells, colour.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pavise::cli {

// What came from elsewhere is printed without control characters, so that no answer can move the
// cursor or fake a line.
std::string safe_text(std::string_view text);

enum class Mood { plain, good, bad, faint };

struct Cell {
  Cell(std::string_view t, Mood m = Mood::plain) : text(safe_text(t)), mood(m) {}  // NOLINT
  Cell(const char* t) : Cell(std::string_view(t)) {}                               // NOLINT
  Cell(const std::string& t) : Cell(std::string_view(t)) {}                        // NOLINT
  std::string text;
  Mood mood;
};

// Left-aligned columns, two spaces apart, no trailing blanks; header in capitals.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  std::string text(bool colour) const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<Cell>> rows_;
};

// "name   value" lines.
class Facts {
 public:
  void add(std::string_view name, Cell value) { rows_.emplace_back(name, std::move(value)); }
  std::string text(bool colour) const;

 private:
  std::vector<std::pair<std::string, Cell>> rows_;
};

std::string coloured(const Cell& cell, bool colour);
// First 12 characters of an id, which are enough to name it again.
std::string short_id(std::string_view id);

}  // namespace pavise::cli
