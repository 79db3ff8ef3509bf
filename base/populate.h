#pragma once

/*
 * The program's pages, before they are touched: the touch of one that is not there or, after a
 * fork, is not ours alone, is an exception, which costs more than the page; on virtual machines
 * twenty times more. By madvise(2) with MADV_POPULATE_READ and _WRITE, 5.14; where it is missing,
 * nothing is lost but time.
 */

/* In a child that has a copy of our memory: code, for reading. */
void memory_populate_code(void);

/* In both after a fork: the stack around here, for writing. */
void memory_populate_stack(void);
