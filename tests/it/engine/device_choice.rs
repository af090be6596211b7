//! Which device a model is opened on: names, refusals, and a GPU where there is one.

use steerscope::engine::{EngineError, Model, NoHook};
use steerscope::units::DeviceChoice;

use super::oracle::{oracles, oracles_on, relative};
use super::support::{Record, forward};
use super::tiny::Tiny;

#[test]
fn a_model_says_where_it_computes() {
    let dir = Tiny::default().write();
    let [kernel, tensors] = [DeviceChoice::Cpu, DeviceChoice::TensorCpu]
        .map(|device| Model::open_on(dir.path(), device).expect("loads").device());
    assert!(kernel.starts_with("cpu · "), "{kernel}");
    assert_eq!(tensors, "tensor-cpu");
}

#[test]
fn devices_that_the_build_lacks_are_refused_with_the_way_to_get_them() {
    let dir = Tiny::default().write();
    let open = |device| Model::open_on(dir.path(), device).map(|m| m.device());
    let refused = |device, feature: &str| {
        let error = open(device).expect_err("refused");
        assert_eq!(error.id(), "device-not-built");
        let words = error.to_string();
        assert!(words.contains(&format!("--features {feature}")), "{words}");
    };
    if !cfg!(feature = "cuda") {
        refused(DeviceChoice::Cuda(1), "cuda");
    }
    if !cfg!(feature = "metal") {
        refused(DeviceChoice::Metal(0), "metal");
    }
    if !cfg!(any(feature = "cuda", feature = "metal")) {
        let words = open(DeviceChoice::Auto).expect("the CPU is always there");
        assert!(words.starts_with("cpu · "), "{words}");
    }
}

#[test]
fn device_names_are_read_as_they_are_written() {
    use DeviceChoice::{Auto, Cpu, Cuda, Metal, TensorCpu};
    for device in [Auto, Cpu, TensorCpu, Cuda(0), Cuda(3), Metal(0), Metal(1)] {
        assert_eq!(device.to_string().parse(), Ok(device));
    }
    assert_eq!("cuda".parse(), Ok(Cuda(0)));
    for wrong in [
        "", "gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:1", "auto:0", "CPU",
    ] {
        assert!(wrong.parse::<DeviceChoice>().is_err(), "{wrong}");
    }
}

/// A GPU where the build and the machine have one.
fn gpu() -> Option<DeviceChoice> {
    let found = [
        (cfg!(feature = "cuda"), DeviceChoice::Cuda(0)),
        (cfg!(feature = "metal"), DeviceChoice::Metal(0)),
    ];
    let (_, device) = found.into_iter().find(|(built, _)| *built)?;
    let dir = Tiny::default().write();
    match Model::open_on(dir.path(), device) {
        Ok(_) => Some(device),
        Err(EngineError::DeviceUnavailable { reason, .. }) => {
            println!("skipped: {device}: {reason}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_gpu_gives_the_residuals_of_the_kernel_in_every_family() {
    let Some(device) = gpu() else {
        println!("skipped: no GPU, or a build without the features cuda and metal");
        return;
    };
    for (kernel, gpu) in oracles().into_iter().zip(oracles_on(device)) {
        let mut worst = 0.0f32;
        for ids in &kernel.texts {
            let [got, want] = [&gpu.model, &kernel.model].map(|model| {
                let mut record = Record::new(NoHook);
                let rows = forward(model, ids, &mut record);
                let logits = model.logits(&rows).expect("logits");
                let mut all: Vec<_> = record.seen.into_iter().map(|(_, _, rows)| rows).collect();
                all.push(logits);
                all
            });
            for (got, want) in got.iter().zip(&want) {
                worst = worst.max(relative(got, want));
            }
        }
        println!("{}: {worst:.1e}", kernel.name);
        assert!(worst < 1e-4, "{}: {worst}", kernel.name);
    }
}
