// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * I2C adapters whose chips live in user space.
 *
 * Every number in `buses` becomes an adapter /dev/i2c-N that takes plain I2C, and a device /dev/i2c-relay-N. Who has
 * that open plays the chips, in the machine's byte order:
 *
 *	read	waits for a transaction: u32 messages, for each u16 address, flags, length and 0, then what is written
 *	write	answers it: s32 0 or -errno, then what is read
 *
 * A transaction that nobody answers within the adapter's timeout, 1 s, ends with ETIMEDOUT, as on a bus held low.
 */

#include <linux/fs.h>
#include <linux/i2c.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#define MOST 4

static int buses[MOST];
static int count;
module_param_array(buses, int, &count, 0444);
MODULE_PARM_DESC(buses, "numbers of the adapters");

enum stage { IDLE, ASKED, TAKEN, ANSWERED };

struct relay {
	struct i2c_adapter adapter;
	struct miscdevice device;
	char name[16];
	wait_queue_head_t turn;
	struct mutex lock;	/* of all that follows */
	bool served;
	enum stage stage;
	struct i2c_msg *messages;
	int messages_count;
	int result;
};

static struct relay *relays;

static int relay_transfer(struct i2c_adapter *adapter, struct i2c_msg *messages, int messages_count)
{
	struct relay *relay = i2c_get_adapdata(adapter);
	int result;

	mutex_lock(&relay->lock);
	if (!relay->served) {
		mutex_unlock(&relay->lock);
		return -ENXIO;
	}
	relay->messages = messages;
	relay->messages_count = messages_count;
	relay->stage = ASKED;
	mutex_unlock(&relay->lock);
	wake_up_all(&relay->turn);

	wait_event_timeout(relay->turn, READ_ONCE(relay->stage) == ANSWERED, adapter->timeout);

	mutex_lock(&relay->lock);
	result = relay->stage == ANSWERED ? relay->result : -ETIMEDOUT;
	relay->stage = IDLE;
	mutex_unlock(&relay->lock);
	return result < 0 ? result : messages_count;
}

static u32 relay_functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm relay_algorithm = {
	.master_xfer = relay_transfer,
	.functionality = relay_functionality,
};

static struct relay *relay_of(struct file *file)
{
	return container_of(file->private_data, struct relay, device);
}

static int relay_open(struct inode *inode, struct file *file)
{
	struct relay *relay = relay_of(file);
	int result;

	mutex_lock(&relay->lock);
	result = relay->served ? -EBUSY : 0;
	relay->served = true;
	mutex_unlock(&relay->lock);
	return result;
}

static int relay_release(struct inode *inode, struct file *file)
{
	struct relay *relay = relay_of(file);

	mutex_lock(&relay->lock);
	relay->served = false;
	mutex_unlock(&relay->lock);
	return 0;
}

static int put(char __user **to, size_t *room, const void *from, size_t size)
{
	if (size > *room)
		return -EMSGSIZE;
	if (copy_to_user(*to, from, size))
		return -EFAULT;
	*to += size;
	*room -= size;
	return 0;
}

static int put_transaction(const struct relay *relay, char __user **to, size_t *room)
{
	u32 messages_count = relay->messages_count;
	int i, result = put(to, room, &messages_count, sizeof(messages_count));

	for (i = 0; !result && i < relay->messages_count; i++) {
		const struct i2c_msg *message = &relay->messages[i];
		u16 head[4] = { message->addr, message->flags, message->len, 0 };

		result = put(to, room, head, sizeof(head));
	}
	for (i = 0; !result && i < relay->messages_count; i++)
		if (!(relay->messages[i].flags & I2C_M_RD))
			result = put(to, room, relay->messages[i].buf, relay->messages[i].len);
	return result;
}

static ssize_t relay_read(struct file *file, char __user *to, size_t size, loff_t *offset)
{
	struct relay *relay = relay_of(file);
	size_t room = size;
	int result;

	do {
		if (wait_event_interruptible(relay->turn, READ_ONCE(relay->stage) == ASKED))
			return -ERESTARTSYS;
		mutex_lock(&relay->lock);
		if (relay->stage == ASKED)
			break;
		mutex_unlock(&relay->lock);	/* timed out just now */
	} while (true);
	result = put_transaction(relay, &to, &room);
	if (!result)
		relay->stage = TAKEN;
	mutex_unlock(&relay->lock);
	return result ? result : size - room;
}

static int take_answer(struct relay *relay, const char __user *from, size_t size)
{
	s32 result;
	int i;

	if (size < sizeof(result))
		return -EINVAL;
	if (copy_from_user(&result, from, sizeof(result)))
		return -EFAULT;
	from += sizeof(result);
	size -= sizeof(result);
	for (i = 0; !result && i < relay->messages_count; i++) {
		struct i2c_msg *message = &relay->messages[i];

		if (!(message->flags & I2C_M_RD))
			continue;
		if (size < message->len)
			return -EINVAL;
		if (copy_from_user(message->buf, from, message->len))
			return -EFAULT;
		from += message->len;
		size -= message->len;
	}
	if (size)
		return -EINVAL;
	relay->result = result;
	return 0;
}

static ssize_t relay_write(struct file *file, const char __user *from, size_t size, loff_t *offset)
{
	struct relay *relay = relay_of(file);
	int result = -ESTALE;	/* the transaction has timed out */

	mutex_lock(&relay->lock);
	if (relay->stage == TAKEN) {
		result = take_answer(relay, from, size);
		if (!result)
			relay->stage = ANSWERED;
	}
	mutex_unlock(&relay->lock);
	if (result)
		return result;
	wake_up_all(&relay->turn);
	return size;
}

static const struct file_operations relay_operations = {
	.owner = THIS_MODULE,
	.open = relay_open,
	.release = relay_release,
	.read = relay_read,
	.write = relay_write,
};

static int relay_add(struct relay *relay, int number)
{
	int result;

	mutex_init(&relay->lock);
	init_waitqueue_head(&relay->turn);
	snprintf(relay->name, sizeof(relay->name), "i2c-relay-%d", number);
	strscpy(relay->adapter.name, relay->name, sizeof(relay->adapter.name));
	relay->adapter.owner = THIS_MODULE;
	relay->adapter.algo = &relay_algorithm;
	relay->adapter.nr = number;
	i2c_set_adapdata(&relay->adapter, relay);
	result = i2c_add_numbered_adapter(&relay->adapter);
	if (result)
		return result;
	relay->device.minor = MISC_DYNAMIC_MINOR;
	relay->device.name = relay->name;
	relay->device.fops = &relay_operations;
	result = misc_register(&relay->device);
	if (result)
		i2c_del_adapter(&relay->adapter);
	return result;
}

static void relay_remove(int added)
{
	while (added--) {
		misc_deregister(&relays[added].device);
		i2c_del_adapter(&relays[added].adapter);
	}
	kfree(relays);
}

static int __init relay_init(void)
{
	int added, result;

	relays = kcalloc(MOST, sizeof(*relays), GFP_KERNEL);
	if (!relays)
		return -ENOMEM;
	for (added = 0; added < count; added++) {
		result = relay_add(&relays[added], buses[added]);
		if (result) {
			relay_remove(added);
			return result;
		}
	}
	return 0;
}

static void __exit relay_exit(void)
{
	relay_remove(count);
}

module_init(relay_init);
module_exit(relay_exit);
MODULE_DESCRIPTION("I2C adapters whose chips live in user space");
MODULE_LICENSE("Dual MIT/GPL");
