#include "cloud/hub/transfers/transfer_runner.h"

namespace pavise::hub::transfers {

TransferRunner::TransferRunner(TransferServices services)
    : engine_(std::move(services)), thread_([this] { return engine_.step(); }) {}

}  // namespace pavise::hub::transfers
