// Reads what Exposition writes, strictly, for tests: every rule of the formats that we rely on.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace pavise::metrics::testing {

struct ReadFamily {
  std::string type;
  std::string help;
};

class ExpositionReader {
 public:
  // Failures are those of the running test.
  explicit ExpositionReader(const std::string& text) {
    EXPECT_TRUE(text.empty() || text.ends_with('\n'));
    std::size_t at = 0;
    while (at < text.size()) {
      const std::size_t end = text.find('\n', at);
      EXPECT_FALSE(ended_) << "after # EOF";
      read_line(text.substr(at, end - at));
      at = end + 1;
    }
    check_histograms();
  }

  // By "name{a=\"1\",b=\"2\"}", as written.
  double value(const std::string& series) const {
    const auto found = samples.find(series);
    EXPECT_NE(found, samples.end()) << series;
    return found == samples.end() ? -1 : found->second;
  }
  double sum_of(std::string_view begin) const {
    double sum = 0;
    for (const auto& [series, value] : samples)
      if (series.starts_with(begin)) sum += value;
    return sum;
  }

  std::map<std::string, ReadFamily> families;
  std::map<std::string, double> samples;
  bool ended() const { return ended_; }

 private:
  void read_line(const std::string& line) {
    if (line == "# EOF") {
      ended_ = true;
      return;
    }
    if (line.starts_with("# HELP ")) {
      const std::size_t end = line.find(' ', 7);
      ASSERT_NE(end, std::string::npos) << line;
      current_ = line.substr(7, end - 7);
      EXPECT_FALSE(families.contains(current_)) << "twice: " << line;
      families[current_].help = line.substr(end + 1);
      EXPECT_FALSE(families[current_].help.empty()) << line;
      return;
    }
    if (line.starts_with("# TYPE ")) {
      const std::size_t end = line.find(' ', 7);
      ASSERT_NE(end, std::string::npos) << line;
      EXPECT_EQ(line.substr(7, end - 7), current_) << "TYPE follows its HELP";
      EXPECT_TRUE(families[current_].type.empty()) << line;
      families[current_].type = line.substr(end + 1);
      return;
    }
    ASSERT_FALSE(line.starts_with('#')) << line;
    read_sample(line);
  }

  void read_sample(const std::string& line) {
    const std::size_t name_end = line.find_first_of("{ ");
    ASSERT_NE(name_end, std::string::npos) << line;
    const std::string name = line.substr(0, name_end);
    const std::string& type = families[current_].type;
    bool known = name == current_ || (type == "counter" && name == current_ + "_total");
    if (type == "histogram")
      known =
          name == current_ + "_bucket" || name == current_ + "_sum" || name == current_ + "_count";
    EXPECT_TRUE(known) << name << " below " << current_;
    std::size_t at = name_end;
    if (line[at] == '{') at = read_labels(line, at + 1);
    ASSERT_LT(at, line.size()) << line;
    ASSERT_EQ(line[at], ' ') << line;
    char* end = nullptr;
    const double value = std::strtod(line.c_str() + at + 1, &end);
    EXPECT_EQ(*end, '\0') << line;
    EXPECT_TRUE(samples.emplace(line.substr(0, at), value).second) << "twice: " << line;
  }

  // Returns the place after '}'.
  static std::size_t read_labels(const std::string& line, std::size_t at) {
    std::set<std::string> names;
    while (true) {
      const std::size_t equals = line.find("=\"", at);
      EXPECT_NE(equals, std::string::npos) << line;
      if (equals == std::string::npos) return line.size();
      EXPECT_TRUE(names.insert(line.substr(at, equals - at)).second) << line;
      at = equals + 2;
      while (at < line.size() && line[at] != '"') at += line[at] == '\\' ? 2 : 1;
      ++at;
      EXPECT_LT(at, line.size()) << line;
      if (at >= line.size() || line[at] == '}') return at + 1;
      EXPECT_EQ(line[at++], ',') << line;
    }
  }

  void check_histograms() const {
    for (const auto& [name, family] : families) {
      EXPECT_FALSE(family.type.empty()) << name;
      if (family.type != "histogram") continue;
      for (const auto& [series, value] : samples) {
        if (!series.starts_with(name + "_count")) continue;
        std::string labels = series.substr((name + "_count").size());
        labels = labels.empty() ? "{" : labels.substr(0, labels.size() - 1) + ",";
        EXPECT_EQ(this->value(name + "_bucket" + labels + "le=\"+Inf\"}"), value) << series;
      }
    }
  }

  std::string current_;
  bool ended_ = false;
};

}  // namespace pavise::metrics::testing
