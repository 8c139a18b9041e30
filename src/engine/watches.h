// Who watches which partition, for all engines. wake() calls the callbacks of a partition on the
// calling thread, with no lock of the table held. Once a Watch is destroyed its callback does not
// run and is not running, unless it destroys its own Watch from within. A Watch may outlive the
// table. Thread safe.
#pragma once

#include <functional>
#include <memory>

#include "base/ids.h"
#include "engine/engine.h"

namespace eilpost::engine {

class Watches {
 public:
  Watches();

  std::unique_ptr<Watch> add(PartitionId partition, Wake wake);
  void wake(PartitionId partition, Version version) const;

 private:
  class Handle;
  struct Table;
  // Shared with every Watch, which takes itself out of the table when it ends.
  std::shared_ptr<Table> table_;
};

}  // namespace eilpost::engine
