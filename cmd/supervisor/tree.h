// The process tree below a supervisor. As a subreaper it inherits every orphan among its
// descendants, so the tree is all that descends from it, daemons included.

#pragma once

namespace dl::supervisor {

// Sends `signal` to every descendant there is now.
void signal_tree(int signal);

// SIGKILLs descendants until a pass finds no new ones, so that none escapes by forking.
void kill_tree();

// Moves every descendant into the cgroups whose cgroup.procs are open as `procs_fds`, until a pass
// finds none that was left behind. The kernel takes up to 15 ms for a move (it waits for an RCU
// grace period), which is why the command is moved while it starts and not before.
void move_tree(const int* procs_fds, int count);

}  // namespace dl::supervisor
