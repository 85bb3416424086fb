// SPDX-License-Identifier: GPL-2.0-only
/*
 * gpio-sim for a kernel that is configured without it: two files of Debian's kernel source, as they are, in one
 * module. irq_sim.c is written for the kernel proper and calls a function that modules do not get on x86; what it
 * finds they find by another way.
 */

#include "gpio-sim.c"

#include <linux/irqdesc.h>

static struct irq_desc *found_desc(unsigned int irq)
{
	return irq_data_to_desc(irq_get_irq_data(irq));
}

#define irq_to_desc found_desc

#include "irq_sim.c"
