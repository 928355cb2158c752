#include "samples/modbus_guardian/rules.h"

#include <algorithm>

namespace modbus_guardian {
namespace {

// Statements that stand once have a bit each.
enum Once : unsigned { version = 1, machine = 2, listen = 4, answer_within = 8, all_of_them = 15 };

class Reader {
 public:
  Parsed<Rules> read(const std::vector<Statement>& statements) {
    for (const Statement& statement : statements) {
      const std::string_view problem = take(statement);
      if (!problem.empty()) return wrong(statement, problem);
    }
    if (seen_ != all_of_them || rules_.clients.empty())
      return std::unexpected(
          "version, machine, listen, answer_within_ms and client have to be said");
    return rules_;
  }

 private:
  using Words = const std::vector<std::string_view>&;

  std::string_view take(const Statement& statement) {
    Words words = statement.words;
    const std::string_view verb = words[0];
    if (verb != "version" && (seen_ & version) == 0) return "the first statement is: version 1";
    if (verb == "read") return take_read(words);
    if (words.size() == 3 && verb == "identify" && words[1] == "unit")
      return take_identify(words[2]);
    if (words.size() != 2) return "no such statement";
    if (verb == "client") return take_client(words[1]);
    if (verb == "version") return once(version, words[1] == "1", "this program reads version 1");
    if (verb == "machine") return once(machine, set_machine(words[1]), "machine ADDRESS:PORT");
    if (verb == "listen") return once(listen, set_listen(words[1]), "listen PORT, 1 to 65535");
    if (verb == "answer_within_ms")
      return once(answer_within, set_answer(words[1]), "answer_within_ms, 50 to 10000");
    return "no such statement";
  }

  std::string_view once(Once what, bool understood, std::string_view form) {
    if (!understood) return form;
    if ((seen_ & what) != 0) return "said twice";
    seen_ |= what;
    return {};
  }

  bool set_machine(std::string_view word) {
    const std::size_t colon = word.find(':');
    if (colon == std::string_view::npos) return false;
    const auto address = parse_address(word.substr(0, colon));
    const auto port = parse_number(word.substr(colon + 1), 1, 0xffff);
    if (!address || !port) return false;
    rules_.machine = *address;
    rules_.machine_port = static_cast<std::uint16_t>(*port);
    return true;
  }
  bool set_listen(std::string_view word) {
    const auto port = parse_number(word, 1, 0xffff);
    if (port) rules_.listen_port = static_cast<std::uint16_t>(*port);
    return port.has_value();
  }
  bool set_answer(std::string_view word) {
    const auto time = parse_number(word, kAnswerMsMin, kAnswerMsMax);
    if (time) rules_.answer_within_ms = *time;
    return time.has_value();
  }

  std::string_view take_client(std::string_view word) {
    const auto subnet = parse_subnet(word);
    if (!subnet) return "client ADDRESS or client ADDRESS/PREFIX (8 to 31)";
    rules_.clients.push_back(*subnet);
    return {};
  }
  std::string_view take_identify(std::string_view word) {
    const auto unit = parse_unit(word);
    if (!unit) return "identify unit UNIT (1 to 247, or 255)";
    rules_.identifies.push_back(*unit);
    return {};
  }
  std::string_view take_read(Words words) {
    constexpr std::string_view kForm =
        "read unit UNIT coils|discrete|input|holding FIRST-LAST (UNIT 1 to 247, or 255)";
    if (words.size() != 5 || words[1] != "unit") return kForm;
    const auto unit = parse_unit(words[2]);
    const auto table = parse_table(words[3]);
    if (!unit || !table) return kForm;
    const auto range = parse_range(*table, words[4]);
    if (!range) return kForm;
    rules_.reads.push_back({.unit = *unit, .range = *range});
    return {};
  }

  Rules rules_;
  unsigned seen_ = 0;
};

}  // namespace

Parsed<Rules> Rules::parse(std::string_view text) {
  const auto statements = read_statements(text);
  if (!statements) return std::unexpected(statements.error());
  return Reader().read(*statements);
}

bool Rules::admits(Ipv4 client) const {
  return std::ranges::any_of(clients, [&](const Subnet& subnet) { return subnet.has(client); });
}

bool Rules::may_read(std::uint8_t unit, const Range& range) const {
  return std::ranges::any_of(
      reads, [&](const ReadRule& rule) { return rule.unit == unit && rule.range.covers(range); });
}

bool Rules::may_identify(std::uint8_t unit) const {
  return std::ranges::find(identifies, unit) != identifies.end();
}

}  // namespace modbus_guardian
