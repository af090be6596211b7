//! Vector files of other tools: what is read lands at the right block, what is written reads the same,
//! what is bad is refused by name.

mod autoencoders;
mod bodies;
mod landing;
mod make;
mod numpy_pickles;
mod oracle;
mod peers;
mod refusals;
mod roundtrip;
mod untrusted;
