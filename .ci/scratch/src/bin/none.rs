use std::io;

use futures_executor::block_on;
use futures_handoff::{WriteHandoff, WriteHandoffConfig, bytes::Bytes};

fn main() -> io::Result<()> {
    let (out, mut task) = WriteHandoff::new(Vec::new(), WriteHandoffConfig::default());
    let written = block_on(async {
        task.run_until(async move { out.write_fire_and_forget(Bytes::from_static(b"no runtime")).await })
            .await?;
        Ok::<_, io::Error>(task.await?)
    })?;
    assert_eq!(written, b"no runtime");
    Ok(())
}
