"""An implementation of CVM's instructions that shares nothing with the machine's own, and the cases made from it."""
