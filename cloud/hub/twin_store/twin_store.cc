#include "cloud/hub/twin_store/twin_store.h"

namespace pavise::hub {

using twin::Section;

Result<TwinAnswer> TwinStore::execute(const TwinCommand& command) {
  auto answers = execute(std::span(&command, 1));
  PAVISE_CHECK(answers.size() == 1);
  return std::move(answers.front());
}

Result<TwinAnswer> apply(const TwinCommand& command, twin::Twin& twin) {
  switch (command.kind) {
    case TwinCommand::Kind::get:
      return TwinAnswer{twin.device_json(), 0};
    case TwinCommand::Kind::merge_reported:
      PAVISE_TRY(twin.merge(Section::reported, command.json, 0, command.if_version));
      return TwinAnswer{{}, twin.version(Section::reported)};
    case TwinCommand::Kind::merge_desired:
      PAVISE_TRY(twin.merge(Section::desired, command.json, 0, command.if_version));
      break;
    case TwinCommand::Kind::replace_desired:
      PAVISE_TRY(twin.replace(Section::desired, command.json, 0, command.if_version));
      break;
    case TwinCommand::Kind::remove:
      PAVISE_CHECK(command.kind != TwinCommand::Kind::remove);
  }
  const std::uint64_t version = twin.version(Section::desired);
  PAVISE_TRY_ASSIGN(std::string body, twin::desired_notification(command.json, version));
  return TwinAnswer{std::move(body), version};
}

}  // namespace pavise::hub
