"""What the module hears in a sound: descriptors, features for an encoder, pitch."""
