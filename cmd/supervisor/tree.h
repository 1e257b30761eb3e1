// The process tree below a supervisor. As a subreaper it inherits every orphan among its
// descendants, so the tree is all that descends from it, daemons included.

#pragma once

namespace dl::supervisor {

// Sends `signal` to every descendant there is now.
void signal_tree(int signal);

// SIGKILLs descendants until a pass finds no new ones, so that none escapes by forking.
void kill_tree();

}  // namespace dl::supervisor
