// modbus-guardian [IMAGE_FOLDER DATA_FOLDER]: reads IMAGE_FOLDER/rules (default /app) and serves
// until it is asked to end. Exit code 1 and a line that says why if it cannot.
#include <cstdio>

#include "samples/modbus_guardian/service.h"

int main(int count, char** words) {
  using namespace modbus_guardian;  // NOLINT(google-build-using-namespace)
  Places places;
  if (count == 3) places = {.image = words[1], .data = words[2]};
  const auto fail = [](const std::string& why) {
    std::printf("ends: %s\n", why.c_str());
    return 1;
  };
  if (count != 1 && count != 3) return fail("usage: modbus-guardian [IMAGE_FOLDER DATA_FOLDER]");
  const auto text = read_file(places.image / "rules");
  if (!text) return fail(text.error());
  const auto rules = Rules::parse(text->value_or(""));
  if (!rules) return fail("rules: " + rules.error());
  const std::string problem = Service(*rules, places).run();
  return problem.empty() ? 0 : fail(problem);
}
